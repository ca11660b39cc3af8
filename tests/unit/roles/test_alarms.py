"""Alarms are on where something is to get them; no secret of theirs is in a file that others may read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

import roles.receiver.role
from provision.desired.context import Context
from provision.linux.kinds.file import File
from provision.linux.kinds.resource import Resource
from roles import watch
from roles.alarms import role as alarms
from tests.unit.roles.sample_site import linux, sample_site

URL, TOKEN, PASSWORD = "https://example.com/hook-4711", "Token-4711", "Mail-Secret-1"
MAIL = {"alarms_mail_to": ["noc@example.com"], "alarms_mail_from": "bh@example.com"}
HOOK = {"alarms_webhooks": [{"name": "chat", "url": URL, "token": TOKEN, "template": "slack"}]}


def site(**settings: object) -> Context:
    models: dict[str, Any] = {"alarms": alarms.Settings.model_validate(settings)}
    return linux(sample_site(models | {"receiver": roles.receiver.role.Settings()}))


def files(found: tuple[Resource, ...]) -> dict[str, File]:
    return {r.path: r for r in found if isinstance(r, File) and r.content is not None}


def describe(context: Context) -> Any:
    content = files(watch.resources(context))["/etc/banstitch/watch.json"].content
    return json.loads(content or "")["alarms"]


@pytest.mark.parametrize("settings", [{}, {"alarms": "off", **HOOK}, {"alarms": False, **MAIL}])
def test_without_a_channel_or_when_off_there_is_no_service(settings: dict[str, object]) -> None:
    assert watch.resources(site(**settings)) == ()
    assert watch.alarms_unit(site(**settings)) == ""


@pytest.mark.parametrize("settings", [{"alarms": True}, HOOK, MAIL, {"heartbeat_url": URL}])
def test_a_channel_a_heartbeat_or_the_setting_turns_alarms_on(settings: dict[str, object]) -> None:
    assert watch.alarms_unit(site(**settings)) == "banstitch-watch.service"


def test_secrets_are_in_a_file_for_the_service_alone() -> None:
    login = {"alarms_mail_user": "noc", "alarms_mail_password": PASSWORD}
    context = site(**MAIL, **login, **HOOK, heartbeat_url=URL + "/beat")
    found = files(watch.resources(context))
    secret = found.pop("/etc/banstitch/watch.secret")
    assert json.loads(secret.content or "") == {
        "mail": PASSWORD,
        "chat": URL,
        "chat token": TOKEN,
        "heartbeat url": URL + "/beat",
    }
    assert (secret.mode, secret.owner, secret.group) == (0o640, "root", "banstitch-watch")
    others = "".join(file.content or "" for file in found.values())
    assert not [each for each in (PASSWORD, URL, TOKEN) if each in others]
    (unit,) = (f.content or "" for path, f in found.items() if path.endswith(".service"))
    assert "SupplementaryGroups=banstitch-watch\n" in unit


def test_the_service_knows_how_often_each_fortigate_polls() -> None:
    assert describe(site(**MAIL))["refresh"] == {"fw1": 60, "fw2": 60}


@pytest.mark.parametrize(
    ("settings", "way"),
    [
        ({}, ("localhost", 25, "off")),
        ({"alarms_mail_server": "mail.example.com"}, ("mail.example.com", 587, "starttls")),
        (
            {"alarms_mail_server": "mail.example.com", "alarms_mail_security": "tls"},
            ("mail.example.com", 465, "tls"),
        ),
    ],
)
def test_mail_is_encrypted_unless_it_stays_on_the_host(
    settings: dict[str, object], way: tuple[str, int, str]
) -> None:
    (mail,) = describe(site(**MAIL, **settings))["channels"]
    assert (mail["host"], mail["port"], mail["security"]) == way


def test_quiet_hours_are_minutes_of_a_day_in_a_time_zone() -> None:
    quiet = describe(site(**MAIL, alarms_quiet="22:00-06:30 Europe/Berlin"))["quiet"]
    assert quiet == {"begins": 1320, "ends": 390, "zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    "settings",
    [
        {"alarms_mail_to": ["noc@example.com"]},
        {"alarms_mail_to": ["noc@example.com\nBcc: x@example.com"]},
        {**MAIL, "alarms_mail_server": "mail.example.com", "alarms_mail_security": "off"},
        {**MAIL, "alarms_mail_user": "noc"},
        {"alarms_webhooks": [{"name": "mail", "url": URL}]},
        {"alarms_webhooks": [{"name": "a", "url": URL}, {"name": "a", "url": URL}]},
        {"alarms_webhooks": [{"name": "a", "url": "http://example.com/x"}]},
        {"alarms_webhooks": [{"name": "a", "url": "https://u:word@example.com/x"}]},
        {"alarms_webhooks": [{"name": "a", "url": "ftp://example.com/x"}]},
        {"alarms_webhooks": [{"name": "a", "url": URL, "token": "Token-1\n"}]},
        {"alarms_webhooks": [{"name": "a", "url": URL, "token": "Tok\u00e9n"}]},
        {**MAIL, "alarms_mail_user": "noc", "alarms_mail_password": "Word-1\n"},
        {**MAIL, "alarms_mail_user": "noc\n", "alarms_mail_password": "Word-1"},
        {"heartbeat_url": "https://"},
        {"alarms_syslog": "log.example.com"},
        {"alarms_quiet": "22-6 Europe/Berlin"},
        {"alarms_quiet": "22:00-06:00 Europe/Nowhere"},
        {"alarms_quiet": "22:00-22:00 UTC"},
        {"alarms_off": ["everything"]},
    ],
)
def test_what_cannot_work_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        site(**settings)


def test_plain_http_is_for_private_addresses_only() -> None:
    assert site(heartbeat_url="http://10.0.0.7:8080/beat")
    assert site(alarms_webhooks=[{"name": "a", "url": "http://[fd00::7]/x"}])
