"""Reports to AbuseIPDB are off without a key; with one, the service gets what it may report, and no more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

import roles.detection.role
import roles.receiver.role
from provision.desired.context import Context
from provision.linux.kinds.file import File
from provision.linux.kinds.resource import Resource
from roles import abuseipdb, rules, watch
from roles.alarms import role as alarms
from tests.unit.roles.sample_site import linux, sample_site

KEY = "0123456789abcdef" * 5


def site(others: dict[str, Any] | None = None, **given: Any) -> Context:
    own = abuseipdb.Settings.model_validate({"abuseipdb_key": KEY} | given)
    models: dict[str, Any] = {"abuseipdb": own, "receiver": roles.receiver.role.Settings()}
    return linux(sample_site(models | (others or {})))


def files(found: tuple[Resource, ...]) -> dict[str, str]:
    return {r.path: r.content for r in found if isinstance(r, File) and r.content is not None}


def read_part(context: Context) -> dict[str, Any]:
    part: dict[str, Any] = json.loads(files(watch.resources(context))["/etc/banstitch/watch.json"])[
        "abuseipdb"
    ]
    return part


def test_without_a_key_nothing_is_there() -> None:
    context = site(abuseipdb_key=None)
    assert watch.resources(context) == ()
    assert '"shares"' not in files(rules.resources(context))["/etc/banstitch/rules.json"]


def test_the_key_is_in_the_file_of_secrets_alone() -> None:
    found = files(watch.resources(site()))
    assert [path for path, text in found.items() if KEY in text] == ["/etc/banstitch/watch.secret"]
    assert json.loads(found["/etc/banstitch/watch.secret"]) == {"abuseipdb key": KEY}


def test_rules_that_ban_networks_or_people_known_and_attempts_by_udp_are_not_reported() -> None:
    jails = read_part(site())["jails"]
    assert jails["banstitch-sslvpn_login_failed"] == [18]
    assert jails["banstitch-admin_login_failed-trap"] == [15, 18]
    assert not [jail for jail in jails if jail.endswith(("-network", "-asn", "-trusted"))]
    assert not [jail for jail in jails if "ipsec" in jail]


def test_the_service_knows_whom_to_spare_and_the_name_of_no_site() -> None:
    detection = {"detection_ignore": ["198.51.100.0/24", "office.example.com"]}
    settings = roles.detection.role.Settings.model_validate(detection)
    context = site({"detection": settings})
    part = read_part(context)
    assert {"192.0.2.10", "192.0.2.1", "198.51.100.0/24"} <= set(part["never"])
    assert part["looked_up"] == "/var/lib/banstitch-watch/looked_up.json"
    assert part["limit"] == 1000
    assert json.loads(files(rules.resources(context))["/etc/banstitch/rules.json"])["shares"]
    assert "fw1" not in json.dumps(part)


def test_it_goes_out_as_alarms_do_and_an_alarm_reports_that_it_fails() -> None:
    given = {"alarms": "on", "alarms_proxy": "192.0.2.8:3128"}
    context = site({"alarms": alarms.Settings.model_validate(given)})
    assert read_part(context)["proxy"] == "192.0.2.8:3128"
    parts = json.loads(files(watch.resources(context))["/etc/banstitch/watch.json"])
    assert parts["alarms"]["abuseipdb"] is True


@pytest.mark.parametrize(
    "key", ["short", "0123456789abcdef 0123456789", "0123456789abcdef\r\nX: y12"]
)
def test_what_is_no_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        site(abuseipdb_key=key)
    assert key not in str(caught.value)
