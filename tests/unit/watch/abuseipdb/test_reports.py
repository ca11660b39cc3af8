"""Which bans are reported to AbuseIPDB, and what such a report holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared.allowances import Allowance, find_allowances, format_allowances

from tests.unit.watch.abuseipdb.stand_in import (
    ANOTHER,
    JAIL,
    KEY,
    OTHER,
    STRANGER,
    Site,
    StandIn,
)


def list_addresses(stand_in: StandIn) -> list[str]:
    return [report["ip"] for report in stand_in.reports]


def test_a_report_holds_the_address_the_time_categories_and_a_fixed_comment(
    site: Site, stand_in: StandIn
) -> None:
    site.ban(STRANGER)
    site.ban(ANOTHER, jail=OTHER)
    site.pass_time(70)
    assert stand_in.reports == [
        {
            "ip": address,
            "categories": categories,
            "comment": "Failed logins to a firewall or its VPN by TCP, found in its logs."
            " Reported automatically.",
            "timestamp": "2027-01-15T08:00:01+00:00",
        }
        for address, categories in ((STRANGER, "18"), (ANOTHER, "15,18"))
    ]
    assert set(stand_in.keys) == {KEY}


def test_bans_from_before_it_was_turned_on_are_not_reported(site: Site, stand_in: StandIn) -> None:
    site.ban(site.make(STRANGER, since=site.now - 10))
    site.pass_time(70)
    assert stand_in.reports == []


def test_a_ban_that_fail2ban_restores_is_not_reported_again(site: Site, stand_in: StandIn) -> None:
    ban = site.make(STRANGER)
    site.ban(ban)
    site.pass_time(70)
    site.ban()
    site.pass_time(1800)
    site.start()
    site.ban(ban)
    site.pass_time(70)
    assert list_addresses(stand_in) == [STRANGER]


@pytest.mark.parametrize(
    ("address", "more"),
    [
        (STRANGER, {"failures": 0}),  # by hand
        ("192.0.2.66", {}),  # the self-test
        ("9.9.9.0/24", {}),
        ("2001:4860:4860::/64", {}),
        ("10.1.2.3", {}),
        ("100.64.0.7", {}),
        ("198.51.100.7", {}),
        (STRANGER, {"until": 1_800_000_030.0}),  # it ends too early to be settled
    ],
)
def test_what_is_no_ban_of_a_stranger_by_events_is_not_reported(
    site: Site, stand_in: StandIn, address: str, more: dict[str, Any]
) -> None:
    site.ban(site.make(address, **more))
    site.pass_time(70)
    assert stand_in.reports == []


def test_bans_of_other_jails_and_of_other_sites_are_not_reported(
    site: Site, stand_in: StandIn
) -> None:
    site.ban(STRANGER, jail=JAIL + "-trusted")
    (site.memory / "shared+north+bh2.bans").write_text(f"{ANOTHER} -1 {site.now} {JAIL}\n")
    site.pass_time(70)
    assert stand_in.reports == []


def test_a_ban_that_a_login_or_an_operator_ends_at_once_is_not_reported(
    site: Site, stand_in: StandIn
) -> None:
    site.ban(STRANGER)
    site.pass_time(50)
    site.ban()
    site.pass_time(50)
    assert stand_in.reports == []


def test_who_logged_in_lately_is_not_reported(site: Site, stand_in: StandIn) -> None:
    site.ban(STRANGER, ANOTHER)
    site.reporter.look()
    site.trusted.write_text(STRANGER + "\n")
    site.pass_time(70)
    assert list_addresses(stand_in) == [ANOTHER]


def test_who_is_allowed_is_not_reported(site: Site, stand_in: StandIn) -> None:
    site.ban(STRANGER, ANOTHER)
    allowance = Allowance("9.9.9.0/24", site.now + 999, site.now, "ops", "a customer")
    Path(find_allowances(str(site.spool))).write_text(format_allowances([allowance]))
    site.pass_time(70)
    assert list_addresses(stand_in) == [ANOTHER]


def test_hosts_of_the_site_are_not_reported(site: Site, stand_in: StandIn) -> None:
    site.settings["never"] = [STRANGER]
    site.start()
    site.ban(STRANGER, ANOTHER)
    site.pass_time(70)
    assert list_addresses(stand_in) == [ANOTHER]


def test_addresses_behind_names_of_the_ignore_list_are_not_reported(
    site: Site, stand_in: StandIn
) -> None:
    place = site.memory / "looked_up.json"
    site.settings["looked_up"] = str(place)
    site.start()
    site.ban(STRANGER, ANOTHER)
    site.pass_time(70)
    assert stand_in.reports == []
    found = {"networks": [STRANGER], "at": site.now, "error": "", "tag": ""}
    place.write_text(json.dumps({"office.example.com": found}))
    site.pass_time(10)
    assert list_addresses(stand_in) == [ANOTHER]


@pytest.mark.parametrize("text", [None, "nonsense\n"])
def test_nothing_is_reported_while_nobody_knows_who_is_trusted(
    site: Site, stand_in: StandIn, caplog: pytest.LogCaptureFixture, text: str | None
) -> None:
    site.trusted.unlink()
    if text:
        site.trusted.write_text(text)
    site.ban(STRANGER)
    site.pass_time(70)
    assert stand_in.reports == []
    assert caplog.text.count("no ban is reported") == 1
    site.trusted.write_text("")
    site.pass_time(10)
    site.trusted.unlink()
    site.pass_time(10)
    assert caplog.text.count("no ban is reported") == 2


def test_nothing_is_reported_while_a_ban_file_is_damaged(site: Site, stand_in: StandIn) -> None:
    site.ban(STRANGER)
    site.reporter.look()
    (site.spool / f"{OTHER}.bans").write_text("cut")
    site.pass_time(70)
    assert stand_in.reports == []
