"""banstitch-watch is there only where a name or a URL is to be looked up; then all read its file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

import roles.detection.role
import roles.receiver.role
from provision.desired.context import Context
from provision.desired.host_paths import LOOKED_UP
from provision.linux.kinds.file import File
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from roles import watch
from tests.unit.roles.sample_site import linux, sample_site

NAMES = ["office.example.com", "https://example.com/networks.txt?list=1"]


def site(*ignore: str) -> Context:
    settings = roles.detection.role.Settings.model_validate({"detection_ignore": ignore})
    models: dict[str, Any] = {"detection": settings}
    return linux(sample_site(models | {"receiver": roles.receiver.role.Settings()}))


def files(found: tuple[Resource, ...]) -> dict[str, str]:
    return {r.path: r.content for r in found if isinstance(r, File) and r.content is not None}


def test_a_site_that_names_addresses_only_has_no_such_service() -> None:
    context = site("198.51.100.0/24", "2001:db8::7")
    assert watch.resources(context) == ()
    jails = files(roles.detection.role.resources(context))
    assert LOOKED_UP not in jails["/etc/fail2ban/jail.d/banstitch.conf"]
    config = files(roles.receiver.role.resources(context))["/opt/banstitch/receiver/config.py"]
    assert "looked_up" not in config


def test_names_and_urls_are_given_to_the_service_and_addresses_are_not() -> None:
    found = watch.resources(site("198.51.100.0/24", *NAMES))
    assert json.loads(files(found)["/etc/banstitch/watch.json"]) == {"ignore": NAMES}
    assert [r.name for r in found if isinstance(r, Service)] == ["banstitch-watch.service"]


def test_what_it_finds_is_read_by_every_jail_and_by_the_receiver() -> None:
    context = site("198.51.100.0/24", *NAMES)
    jails = files(roles.detection.role.resources(context))["/etc/fail2ban/jail.d/banstitch.conf"]
    actions = [line for line in jails.splitlines() if line.startswith("action = ")]
    assert all(f'looked_up="{LOOKED_UP}"' in line for line in actions)
    assert not any("example.com" in line for line in actions)
    config = files(roles.receiver.role.resources(context))["/opt/banstitch/receiver/config.py"]
    assert LOOKED_UP in config
    assert roles.receiver.role.status(context).request.names == NAMES


def test_the_service_listens_on_nothing_and_writes_one_folder() -> None:
    (unit,) = (
        text
        for path, text in files(watch.resources(site(*NAMES))).items()
        if path.endswith("service")
    )
    assert "ProtectSystem=strict" in unit
    assert "ReadWritePaths" not in unit
    assert "listen accept accept4" in unit


@pytest.mark.parametrize(
    "entry",
    [
        "office",
        "10.0.0.300",
        "198.51.100",
        "office.example.com/24",
        "-a.example.com",
        "of fice.example.com",
        "ftp://example.com/list",
        "https://",
        "https://user:word@example.com/list",
        "https://example.com:port/list",
        "https://example.com/a list",
        "b\N{LATIN SMALL LETTER U WITH DIAERESIS}ro.example.com",
    ],
)
def test_what_cannot_be_looked_up_is_refused(entry: str) -> None:
    with pytest.raises(ValidationError):
        site(entry)


def test_a_site_has_a_bounded_number_of_names() -> None:
    site(*(f"h{n}.example.com" for n in range(100)))
    with pytest.raises(ValidationError, match="at most 100"):
        site(*(f"h{n}.example.com" for n in range(101)))
