"""The rule asn is there only where the operator names a database of autonomous systems."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pydantic import ValidationError

import roles.detection.role
import roles.receiver.role
from provision.linux.kinds.file import File
from provision.linux.kinds.jail import Jail
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from roles import rules
from tests.unit.roles.sample_site import linux, sample_site

DATABASE = "/var/lib/GeoIP/GeoLite2-ASN.mmdb"
NAME = "sslvpn_login_failed"
JAIL = f"banstitch-{NAME}-asn"


def resources(**settings: Any) -> tuple[Resource, ...]:
    models: dict[str, Any] = {
        "detection": roles.detection.role.Settings.model_validate(settings),
        "receiver": roles.receiver.role.Settings(),
    }
    context = linux(sample_site(models))
    return (*roles.detection.role.resources(context), *rules.resources(context))


def file(found: tuple[Resource, ...], path: str) -> str:
    (text,) = (r.content for r in found if isinstance(r, File) and r.path == path)
    assert text is not None
    return text


def is_on(found: tuple[Resource, ...]) -> bool:
    packages = {each.name for each in found if isinstance(each, Package)}
    return "python3-maxminddb" in packages


def list_jails(found: tuple[Resource, ...]) -> set[str]:
    return {each.name for each in found if isinstance(each, Jail)}


def test_a_site_without_a_database_has_no_trace_of_it() -> None:
    found = resources()
    assert not is_on(found)
    assert JAIL not in list_jails(found)
    for path in ("jail.d/banstitch.conf", "filter.d/banstitch.conf"):
        assert "asn" not in file(found, f"/etc/fail2ban/{path}")
    assert "asn" not in file(found, "/etc/banstitch/rules.json")


def test_a_database_turns_the_rule_on_where_networks_are_counted() -> None:
    found = resources(detection_asn_database=DATABASE, detection_enabled=[NAME, "ipsec_psk_failed"])
    assert is_on(found)
    assert JAIL in list_jails(found)
    assert "banstitch-ipsec_psk_failed-asn" not in list_jails(found)
    document = json.loads(file(found, "/etc/banstitch/rules.json"))
    assert document["asn_database"] == DATABASE
    assert document["detections"][NAME]["rules"]["asn"] == [2, 14 * 86400]


def test_the_rule_can_be_turned_off_for_a_detection() -> None:
    off = {NAME: {"rules": {"asn": False}}}
    assert JAIL not in list_jails(
        resources(detection_asn_database=DATABASE, detection_settings=off)
    )


@pytest.mark.parametrize(
    ("key", "counts"),
    [
        ("203.0.113.9", True),
        ("203.0.112.0/20", True),
        ("16.64.0.0/10", True),
        ("16.0.0.0/9", False),
        ("0.0.0.0/0", False),
        ("2001:db8::/32", True),
        ("2003::/19", True),
        ("2001:db8:1:2::/64", True),
        ("2001:db8:1:2::/65", False),
        ("2000::/3", False),
        ("2000::/18", False),
    ],
)
def test_one_line_bans_no_more_than_a_network_of_a_system(key: str, counts: bool) -> None:
    text = file(resources(detection_asn_database=DATABASE), "/etc/fail2ban/filter.d/banstitch.conf")
    (pattern,) = re.findall(r"(?m)^key_asn = (.*)$", text)
    # fail2ban's own patterns are longer; these find the same in one line
    pattern = pattern.replace("<IP4>", r"[\d.]{7,15}").replace("<IP6>", r"[0-9a-f:]{2,39}")
    assert bool(re.search(f"^{pattern} 203", f"{key} 203.0.113.9 fw1")) is counts


@pytest.mark.parametrize(
    "path",
    [
        "GeoLite2-ASN.mmdb",
        "/home/me/asn.mmdb",
        "/tmp/asn.mmdb",
        "/var/lib/a b",
        "~/a",
        "/etc/../tmp/a",
    ],
)
def test_a_path_that_the_service_cannot_see_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        resources(detection_asn_database=path)


@pytest.mark.parametrize("rule", [True, {"max_retry": 5}])
def test_thresholds_without_a_database_are_refused(rule: object) -> None:
    with pytest.raises(ValidationError, match="set detection_asn_database"):
        resources(detection_settings={NAME: {"rules": {"asn": rule}}})
