"""Daily operation on the controller: nobody is asked in vain, and what came of it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import roles.receiver.role
from provision.results import SiteResult, TargetResult, format_timestamp
from provision.sites.builder import RESERVED
from tests.unit.cli.command_line import HOSTS, Cli
from tests.unit.inventory.inventories import write
from tests.unit.roles.sample_site import linux, sample_site


def test_where_one_site_lacks_the_detection_no_site_is_contacted(cli: Cli) -> None:
    second = (
        "            bh2: {ansible_host: 192.0.2.20, detection_enabled: [admin_login_failed]}\n"
        "            bh3: {ansible_host: 192.0.2.30, detection_enabled: [ipsec_psk_failed]}\n"
    )
    write(cli.folder, hosts__yml=HOSTS.replace("            bh1:", second + "            bh1:", 1))

    said = cli("ban", "203.0.113.5", "--detection", "sslvpn_login_failed")

    assert (said.code, said.out) == (3, "")
    assert (
        "site bh2: detection sslvpn_login_failed is not enabled; choose from: admin_login_failed\n"
        in said.err
    )
    assert "site bh3: detection sslvpn_login_failed is not enabled" in said.err


@pytest.mark.parametrize(
    ("duration", "why"),
    [
        (
            "999999w",
            "--for 999999w: it must be at most 100 years; write -1 for a permanent ban; write 90s",
        ),
        ("9999999999", "at most 100 years"),
        ("9999999999999", "at most 100 years"),
        ("\u0661\u0662h", "must be a time"),
        ("0", "--for 0: it must be at least one second; write 90s"),
        ("soon", "--for soon must be a time; write 90s"),
    ],
)
def test_an_impossible_duration_is_an_error_in_plain_words(
    cli: Cli, duration: str, why: str
) -> None:
    said = cli("ban", "203.0.113.5", "--for", duration)
    assert said.code == 3
    assert why in said.err
    assert "Value error" not in said.err


def answered(monkeypatch: pytest.MonkeyPatch, **result: Any) -> None:
    """Every ban host answers a daily verb in this way."""
    target = TargetResult("bh1", "linux", **result)
    monkeypatch.setattr("provision.engine.requests.ask", lambda *_: SiteResult("bh1", (target,)))


def test_a_ban_prints_its_end(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    details = {"until": 1_800_000_000, "said": "by the action"}
    answered(monkeypatch, state="changed", details=details)
    assert "note: banned until 2027-01-15 08:00:00Z\n" in cli("ban", "203.0.113.5").out
    target = json.loads(cli("ban", "203.0.113.5", "--json").out)["sites"][0]["targets"][0]
    assert (target["state"], target["until"]) == ("changed", 1_800_000_000)


def test_a_ban_below_a_longer_one_says_that_nothing_changed(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch, state="ok", details={"until": -1, "said": ""})
    said = cli("ban", "203.0.113.5", "--for", "1m")
    assert said.code == 0
    assert "note: banned permanently already, nothing was changed; to shorten the ban" in said.out


def test_an_order_to_the_shield_tells_until_when(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(monkeypatch, state="changed", details={"until": 1_800_000_000})
    said = cli("shield", "on", "--for", "1h", "--why", "a spray")
    assert (said.code, said.err) == (0, "")
    assert "note: shield on until 2027-01-15 08:00:00Z\n" in said.out
    assert "note: shield off until" in cli("shield", "off").out


def test_a_shield_that_would_deny_more_than_vpns_is_refused(cli: Cli) -> None:
    hosts = HOSTS.replace("ban_host: bh1}", "ban_host: bh1, enforcement: none}", 1)
    write(cli.folder, hosts__yml=hosts)
    said = cli("shield", "on")
    assert said.code == 3
    assert (
        "fw1: the shield must deny only VPNs: enforcement none leaves the use of the feed open"
        in said.err
    )


@pytest.mark.parametrize("duration", ["-1", "0"])
def test_a_shield_must_end(cli: Cli, duration: str) -> None:
    said = cli("shield", "on", "--for", duration)
    assert said.code == 3
    assert "must be" in said.err


@pytest.mark.parametrize(
    ("state", "code"), [("ok", 0), ("differs", 2), ("failed", 1), ("unreachable", 4)]
)
def test_status_exits_the_same_with_json_and_without(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, state: Any, code: int
) -> None:
    error = "no route" if state == "unreachable" else ""
    target = TargetResult("bh1", "linux", state, error=error)
    found = SiteResult("bh1", (target,))
    monkeypatch.setattr("provision.cli.report.status.collect_status", lambda *_: found)
    assert cli("status").code == cli("status", "--json").code == code


def test_what_is_to_be_known_of_a_site_in_trouble_is_printed_once(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = "the status page is off: set receiver_status_page: true to serve it"
    details = {"page": "", "jails": {}}
    host = TargetResult("bh1", "linux", "failed", error="no", notes=(note,), details=details)
    monkeypatch.setattr(
        "provision.cli.report.status.collect_status", lambda *_: SiteResult("bh1", (host,))
    )
    assert cli("status").out.count(note) == 1


def test_posts_in_vain_are_a_note_below_the_table_and_no_failure(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = TargetResult("fw1", "fortios", "ok", details={"unreadable": 12, "limited": 1})
    found = SiteResult("bh1", (target,))
    monkeypatch.setattr("provision.cli.report.status.collect_status", lambda *_: found)
    said = cli("status")
    assert said.code == 0
    assert said.out.splitlines()[2:] == [
        "note: fw1: 12 posts of the last 24 hours could not be read: "
        "see /var/log/banstitch/rejected.log on bh1",
        "note: fw1: 1 post over the rate refused since the ban host booted: "
        "see receiver_rate and receiver_burst",
    ]


@given(st.floats() | st.integers())
def test_every_number_has_a_spelling_as_a_moment(number: float) -> None:
    assert format_timestamp(number)


def test_a_ban_that_outlives_the_calendar_is_listed_all_the_same(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    ban = {"address": "192.0.2.7", "jail": "x", "since": 0, "until": 606_585_600_000.0}
    answered(
        monkeypatch, state="ok", details={"bans": [{**ban, "failures": 3, "count": 1, "why": "x"}]}
    )
    said = cli("bans")
    assert said.code == 0
    assert "606585600000.0 s after 1970" in said.out


def test_a_ban_is_listed_with_the_detection_and_the_rule_of_its_jail(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    ban = {"address": "192.0.2.7", "since": 0, "until": -1, "failures": 1, "count": 1, "why": "x"}
    bans = [{**ban, "jail": jail} for jail in ("banstitch-x", "banstitch-x-unknown_user")]
    answered(monkeypatch, state="ok", details={"bans": bans})
    rows = cli("bans").out.splitlines()[1:]
    assert [row.split()[2] for row in rows] == ["x", "x/unknown_user"]


# --- names that are taken --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["verify", "status"])
def test_a_fortigate_with_a_name_of_the_site_s_own_secrets_is_an_error_with_its_line(
    cli: Cli, name: str
) -> None:
    write(cli.folder, hosts__yml=HOSTS.replace("fw2:", f"{name}:"))
    said = cli("check")
    assert said.code == 3
    (line,) = said.err.splitlines()
    assert line.startswith(f"{Path(cli.folder)}/hosts.yml:9: {name} cannot be the name of a Forti")
    assert line.endswith("; choose another name")


def test_every_secret_that_is_no_fortigate_s_has_a_name_that_none_can_have() -> None:
    names = roles.receiver.role.list_token_names(linux(sample_site()))
    assert {name for name in names if ":" not in name} == set(RESERVED)
