"""The receiver's units: whom systemd lets through, and how much the service may use."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from banstitch_shared.addresses import is_network

import roles.detection.role
import roles.receiver.role
from provision.desired.context import Context
from provision.linux.kinds.file import File
from roles.receiver.units import FILTER
from tests.unit.roles.sample_site import linux, sample_site

UNIT = "/etc/systemd/system/banstitch-receiver"


def units(fortigate: str = "192.0.2.1", ban_host: str = "192.0.2.10", **settings: Any) -> list[str]:
    """The filter of the socket, and the service, of a site with one FortiGate at that address or name."""
    models = {
        "detection": roles.detection.role.Settings.model_validate({}),
        "receiver": roles.receiver.role.Settings.model_validate(settings),
    }
    site = sample_site(models)
    unit = site.fortigates[0]
    host = replace(site.ban_host, login=replace(site.ban_host.login, address=ban_host))
    unit = replace(unit, login=replace(unit.login, address=fortigate))
    site = replace(site, fortigates=(unit,), ban_host=host)
    context: Context = linux(site)
    found = {
        r.path: r.content for r in roles.receiver.role.resources(context) if isinstance(r, File)
    }
    return [found.get(path) or "" for path in (FILTER, f"{UNIT}.service")]


def allowed(*texts: str) -> list[list[str]]:
    found = [re.findall(r"(?m)^IPAddressAllow=(.*)$", text) for text in texts]
    return [line[0].split() if line else [] for line in found]


def test_only_fortigates_and_the_host_itself_reach_the_port_where_all_are_known_by_address() -> (
    None
):
    texts = units(receiver_allow=["2001:db8::/48"])
    for listed in allowed(*texts):
        assert {"localhost", "192.0.2.1", "192.0.2.10", "2001:db8::/48"} <= set(listed)
    assert all("\nIPAddressDeny=any\n" in text for text in texts)


@pytest.mark.parametrize(
    "settings",
    [
        {"fortigate": "fw.example.net"},
        {"ban_host": "ban.example.net"},
        {"receiver_allow_any": True},
        {"receiver_status_page": True},
    ],
)
def test_nothing_is_filtered_where_somebody_who_needs_the_port_is_not_known_by_address(
    settings: dict[str, Any],
) -> None:
    assert not any("IPAddress" in text for text in units(**settings))


def test_readers_that_are_named_are_let_through() -> None:
    texts = units(receiver_status_page=True, receiver_readers=["198.51.100.0/28"])
    assert all("198.51.100.0/28" in listed for listed in allowed(*texts))


@pytest.mark.parametrize(("feed", "workers"), [(131072, 2), (300000, 32), (5_000_000, 2), (1, 1)])
def test_there_is_room_for_the_largest_feed_of_every_worker(feed: int, workers: int) -> None:
    _, service = units(receiver_feed_limit=feed, receiver_workers=workers)
    memory = int(re.findall(r"(?m)^MemoryMax=(\d+)M$", service)[0])
    tasks = int(re.findall(r"(?m)^TasksMax=(\d+)$", service)[0])
    assert memory * 1024 >= 0.8 * feed * workers + 100 * 1024
    assert tasks >= 1 + workers * (1 + 10)


@pytest.mark.parametrize(("size", "limit"), [("64k", 131072), ("50M", 104857600)])
def test_the_largest_file_has_room_for_a_flood_between_two_looks_of_root(
    size: str, limit: int
) -> None:
    _, service = units(receiver_log_size=size)
    largest = int(re.findall(r"(?m)^LimitFSIZE=(\d+)$", service)[0])
    assert largest >= limit + (32 << 20)
    assert largest > 32 << 20  # of which evidence.log takes that much


@pytest.mark.parametrize(
    ("text", "known"), [("192.0.2.1", True), ("fd00::/8", True), ("fw.example.net", False)]
)
def test_a_name_is_distinguished_from_an_address(text: str, known: bool) -> None:
    assert is_network(text) is known
