"""The filters for IP addresses, with the examples of ansible.utils' own documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.errors import InputError
from tests.unit.inventory.inventories import read_scope

MIXED = (
    "[192.24.2.1, host.fqdn, '::1', '', 192.168.32.0/24, fe80::100/10, true, "
    "'2001:db8:32c:faad::/64']"
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'192.0.2.1' | ipaddr", "192.0.2.1"),
        ("'192.0.2.1/24' | ansible.utils.ipaddr", "192.0.2.1/24"),
        ("'2001:db8::1' | ansible.netcommon.ipaddr", "2001:db8::1"),
        ("'host.fqdn' | ipaddr", False),
        ("'' | ipaddr", False),
        ("'192.0.2.300' | ipaddr", False),
        ("nothing | ipaddr | default('none')", "none"),
        (
            "mixed | ipaddr",
            ["192.24.2.1", "::1", "192.168.32.0/24", "fe80::100/10", "2001:db8:32c:faad::/64"],
        ),
        ("mixed | ipv4", ["192.24.2.1", "192.168.32.0/24"]),
        ("mixed | ipv6", ["::1", "fe80::100/10", "2001:db8:32c:faad::/64"]),
        ("mixed | ipaddr('address')", ["192.24.2.1", "::1", "fe80::100"]),
        ("mixed | ipaddr('host')", ["192.24.2.1/32", "::1/128", "fe80::100/10"]),
        ("mixed | ipaddr('net')", ["192.168.32.0/24", "2001:db8:32c:faad::/64"]),
        ("mixed | ipaddr('192.0.0.0/8')", ["192.24.2.1", "192.168.32.0/24"]),
        ("'192.0.2.5/24' | ipaddr('address')", "192.0.2.5"),
        ("'192.0.2.5/24' | ipaddr('network')", "192.0.2.0"),
        ("'192.0.2.5/24' | ipaddr('netmask')", "255.255.255.0"),
        ("'192.0.2.5/24' | ipaddr('prefix')", 24),
        ("'192.0.2.5/24' | ipaddr('broadcast')", "192.0.2.255"),
        ("'192.0.2.5/24' | ipaddr('subnet')", "192.0.2.0/24"),
        ("'192.0.2.5/24' | ipaddr('network/prefix')", "192.0.2.0/24"),
        ("'192.0.2.5/24' | ipaddr('host/prefix')", "192.0.2.5/24"),
        ("'192.0.2.0/24' | ipaddr('size')", 256),
        ("'192.0.2.0/24' | ipaddr('first_usable')", "192.0.2.1"),
        ("'192.0.2.0/24' | ipaddr('last_usable')", "192.0.2.254"),
        ("'192.0.2.0/24' | ipaddr(5)", "192.0.2.5/24"),
        ("'192.0.2.0/24' | ipaddr('-1')", "192.0.2.255/24"),
        ("'192.0.2.0/24' | ipaddr(5) | ipaddr('address')", "192.0.2.5"),
        ("'192.0.2.0/24' | ipaddr(500)", False),
        ("'192.0.2.0/24' | ipaddr('int')", 3221225984),
        ("'192.0.2.0/24' | ipaddr('type')", "network"),
        ("'192.0.2.1' | ipaddr('type')", "address"),
        ("'192.0.2.1' | ipaddr('version')", 4),
        ("'192.0.2.1' | ipaddr('bool')", True),
        ("'192.0.2.1' | ipaddr('revdns')", "1.2.0.192.in-addr.arpa."),
        ("'192.168.0.1' | ipaddr('private')", "192.168.0.1"),
        ("'192.168.0.1' | ipaddr('public')", False),
        ("'192.0.2.1' | ipv4('address')", "192.0.2.1"),
        ("'2001:db8::1' | ipv4", False),
        ("3221225985 | ipaddr", "3221225985"),
        ("'2001:db8::1' | ansible.utils.ipwrap", "[2001:db8::1]"),
        ("'2001:db8::1/64' | ipwrap", "[2001:db8::1]/64"),
        ("'192.0.2.1' | ipwrap", "192.0.2.1"),
        ("'host.fqdn' | ipwrap", "host.fqdn"),
        ("'192.0.2.1' | ansible.utils.ipmath(5)", "192.0.2.6"),
        ("'192.0.2.0/24' | ansible.utils.nthhost(7)", "192.0.2.7"),
    ],
)
def test_a_filter_answers_as_documented(tmp_path: Path, expression: str, value: object) -> None:
    found = read_scope(tmp_path, f'mixed: {MIXED}\nx: "{{{{ {expression} }}}}"')
    assert found["x"] == value


def test_an_unknown_query_is_an_error(tmp_path: Path) -> None:
    found = read_scope(tmp_path, "x: \"{{ '192.0.2.1' | ipaddr('6to4') }}\"")
    with pytest.raises(InputError, match=r"h\.yml:1: x: the template fails: ipaddr knows "):
        found["x"]
