"""Which addresses may be banned by hand: each in one spelling, and neither nearly everybody nor oneself."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.cli import ban_address
from provision.errors import InputError
from tests.unit.cli.command_line import Cli
from tests.unit.roles.sample_site import sample_site


def refusal(text: str) -> str:
    with pytest.raises(InputError) as error:
        ban_address.check_bannable(text)
    return str(error.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("::ffff:9.9.9.9", "9.9.9.9"),
        ("::ffff:909:909", "9.9.9.9"),
        ("::ffff:9.9.9.0/120", "9.9.9.0/24"),
        ("9.9.9.9/32", "9.9.9.9"),
        ("2001:DB8::1/128", "2001:db8::1"),
        ("9.0.0.0/8", "9.0.0.0/8"),
        ("2400::/16", "2400::/16"),
        ("203.0.113.7", "203.0.113.7"),
        ("10.1.2.0/24", "10.1.2.0/24"),
    ],
)
def test_an_address_has_one_spelling_and_ipv4_within_ipv6_is_ipv4(typed: str, meant: str) -> None:
    assert ban_address.normalize_address(typed) == ban_address.check_bannable(typed) == meant


@given(st.ip_addresses(v=4))
def test_an_address_of_ipv4_is_the_same_however_ipv6_spells_it(
    address: ipaddress.IPv4Address,
) -> None:
    assert ban_address.normalize_address(f"::ffff:{address}") == str(address)


@pytest.mark.parametrize(
    "text", ["0.0.0.0/0", "128.0.0.0/1", "8.0.0.0/7", "::/0", "2000::/3", "::ffff:0:0/96"]
)
def test_nearly_everybody_is_refused(text: str) -> None:
    assert f"{text} is too large; use /" in refusal(text)
    with pytest.raises(InputError, match="is too large"):
        ban_address.normalize_network(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.0.0.0", "unspecified"),
        ("255.255.255.255", "broadcast"),
        ("224.0.0.5", "multicast"),
        ("127.0.0.1", "loopback"),
        ("169.254.1.1", "link-local"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("ff02::1", "multicast"),
        ("fe80::1", "link-local"),
        ("::ffff:127.0.0.1", "loopback"),
    ],
)
def test_an_address_that_no_fortigate_sees_cannot_be_banned(text: str, why: str) -> None:
    assert f"{text} overlaps " in refusal(text)
    assert why in refusal(text)


def test_a_zone_id_is_named_as_what_is_wrong() -> None:
    assert "zone id" in refusal("fe80::1%eth0")
    assert "/128" not in refusal("fe80::1%eth0")


def test_what_could_once_be_banned_can_still_be_freed() -> None:
    assert ban_address.normalize_address("128.0.0.0/1") == "128.0.0.0/1"
    assert ban_address.normalize_address("127.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize("address", ["192.0.2.10", "::ffff:192.0.2.10", "::ffff:192.0.2.0/120"])
def test_the_site_s_own_hosts_are_spared_in_every_spelling(cli: Cli, address: str) -> None:
    said = cli("ban", address)
    assert (said.code, said.out) == (3, "")
    assert "would lock out bh1" in said.err


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.0/8"])
def test_a_host_known_by_name_is_spared_at_what_its_name_stands_for(address: str) -> None:
    named = sample_site(address="localhost")
    assert ban_address.find_own_host([named], address) == "ban1"
    assert ban_address.find_own_host([named], "203.0.113.7") == ""


@pytest.mark.parametrize("name", ["nobody.invalid", "a..b", "x" * 300])
def test_a_host_whose_name_nobody_knows_keeps_nobody_from_banning(name: str) -> None:
    assert ban_address.find_own_host([sample_site(address=name)], "203.0.113.7") == ""


@pytest.mark.parametrize("arguments", [("allow", "203.0.113.9"), ("shield", "on")])
@pytest.mark.parametrize("time", ["0", "-1", "2y"])
def test_what_must_end_is_not_told_to_last_for_ever(
    cli: Cli, arguments: tuple[str, ...], time: str
) -> None:
    said = cli(arguments[0], *arguments[1:], "--for", time)
    assert said.code == 3
    assert said.err.endswith("; write 90s, 30m, 8h, 7d or 1w\n")
