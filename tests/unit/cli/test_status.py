"""`status`: what stands in its table when all is well, and when something is not."""

from __future__ import annotations

import io
from typing import Any

import pytest

from provision.cli.report import status
from provision.cli.report.console import Report
from provision.cli.report.notes import NO_FILTER, read_peers
from provision.linux.kinds.certificate import Authority, Certificate, describe_expiry
from provision.linux.kinds.resource import Resource
from provision.masking import Secrets
from provision.plan import Change
from provision.results import SiteResult, TargetResult

NOW = 1_800_000_000.0
CA, LEAF = Authority("/ca.pem", ("ban1",)), Certificate("/server.pem", ("ban1",), "/ca.pem")
GIVEN = Certificate("/server.pem", (), "", "key and certificate")
WELL = {
    "receiver": "up",
    "jails": {"banstitch-a": "up", "banstitch-b": "up"},
    "bans": {"banstitch-a": 2, "banstitch-b": 1},
    "certificate": {"kind": "self_signed", "days": 397, "todo": ""},
    "versions": {"debian": "12.15", "fail2ban": "1.0.2-2", "python": "3.11.2"},
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def host(state: str = "ok", **changed: object) -> TargetResult:
    return TargetResult("ban1", "linux", state, details={**WELL, **changed})  # type: ignore[arg-type]


def cells(target: TargetResult) -> dict[str, str]:
    (row,) = status.build_rows([SiteResult("ban1", (target,))], NOW)
    return dict(zip(status.HEADS, row, strict=True))


@pytest.mark.parametrize(
    ("desired", "left", "shown"),
    [
        ((CA, LEAF), {"/ca.pem": 3650, "/server.pem": 396.99}, "397 days"),
        ((CA, LEAF), {"/ca.pem": 3650, "/server.pem": 12}, "12 days: run apply"),
        ((CA, LEAF), {"/ca.pem": 100, "/server.pem": 397}, "100 days: run apply"),
        ((CA, LEAF), {"/ca.pem": 3650, "/server.pem": -0.01}, "expired: run apply"),
        ((CA, LEAF), {"/ca.pem": 3650}, "none: run apply"),
        ((GIVEN,), {"/server.pem": 80}, "80 days"),
        ((GIVEN,), {"/server.pem": 1.2}, "1 day: get a new one"),
        ((GIVEN,), {"/server.pem": -5}, "expired: get a new one"),
        ((), {}, "off"),
    ],
)
def test_the_certificate_is_shown_with_the_days_left_and_the_remedy(
    desired: tuple[Resource, ...], left: dict[str, float], shown: str
) -> None:
    assert cells(host(certificate=describe_expiry(desired, left)))["certificate"] == shown


def test_a_ban_host_that_is_well_has_every_cell_that_concerns_it() -> None:
    assert cells(host()) == {
        "site": "ban1",
        "target": "ban1",
        "state": "ok",
        "drift": "0",
        "receiver": "up",
        "jails": "2 up",
        "bans": "3",
        "certificate": "397 days",
        "last event": "",
        "last poll": "",
        "version": "Debian 12.15, fail2ban 1.0.2",
    }


def test_what_does_not_run_is_named_and_what_is_not_known_is_no_zero() -> None:
    stopped = cells(
        host(
            "differs", receiver="down", bans={}, jails={"banstitch-a": "down", "banstitch-b": "up"}
        )
    )
    assert (stopped["receiver"], stopped["jails"], stopped["bans"]) == ("down", "down: a", "?")
    jails = {f"banstitch-a{rule}": "down" for rule in ("", "-trap", "-network")}
    assert cells(host("differs", jails=jails))["jails"] == "down: a, a/trap, a/network"
    gone = cells(TargetResult("ban1", "linux", "unreachable", error="no route to host"))
    unknown = ("drift", "receiver", "jails", "bans", "certificate", "version")
    assert {gone[head] for head in unknown} == {"?"}


@pytest.mark.parametrize(
    ("age", "shown"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172800, "2 d"), (8e6, "92 d")],
)
def test_a_fortigate_that_has_been_silent_for_long_is_seen_at_a_glance(
    age: float, shown: str
) -> None:
    details = {"last_event": 0.0, "last_poll": NOW - age, "version": "7.4.8"}
    row = cells(TargetResult("fw1", "fortios", "ok", details=details))
    assert (row["last event"], row["last poll"]) == ("none yet", f"{shown} ago")
    assert (row["version"], row["receiver"], row["certificate"]) == ("7.4.8", "", "")


def test_drift_is_the_number_of_changes_that_apply_would_make() -> None:
    changes = (Change("file:/a", "update"), Change("file:/b", "create"))
    assert cells(TargetResult("fw1", "fortios", "differs", changes=changes))["drift"] == "2"


@pytest.mark.parametrize("width", [80, 120])
def test_on_a_narrow_terminal_columns_without_room_follow_on_a_line_of_their_own(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = Terminal()
    found = [
        SiteResult(f"ban-berlin-{n}", (host(), TargetResult(f"fw-berlin-{n}", "fortios", "ok")))
        for n in range(3)
    ]
    Report(Secrets(), stream, live=False, verbose=0).print_table(
        status.HEADS, status.build_rows(found, NOW)
    )
    lines = io.StringIO(stream.getvalue()).read().splitlines()
    assert max(map(len, lines)) <= width + len("\x1b[1m\x1b[0m")
    told = " ".join(stream.getvalue().split())
    for word in ("397 days", "2 up", "Debian 12.15, fail2ban 1.0.2", "last poll", "fw-berlin-2"):
        assert word in told


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({"page": ""}, "ban1: the status page is off: set receiver_status_page: true to serve it"),
        ({"page": "https://ban1:5000/status"}, "ban1: status page: https://ban1:5000/status"),
        ({"filter": "missing"}, f"ban1: {NO_FILTER}"),
        (
            {"left_out": 3},
            "ban1: 3 bans have no room in the feed: raise receiver_feed_limit, or unban some",
        ),
        (
            {"left_out": 1},
            "ban1: 1 ban has no room in the feed: raise receiver_feed_limit, or unban some",
        ),
        (
            {"bans_refused": {"fw1": 12}},
            "ban1: 12 new bans by events of fw1 were refused in the last hour: if they are"
            " attackers, raise receiver_ban_limit; bans --history shows since when",
        ),
        (
            {"bans_refused": {"-": 1}},
            "ban1: 1 new ban by events of no known FortiGate was refused in the last hour: if they"
            " are attackers, raise receiver_ban_limit; bans --history shows since when",
        ),
    ],
)
def test_below_the_table_stands_what_else_is_to_be_known(
    details: dict[str, Any], said: str
) -> None:
    assert status.list_notes([SiteResult("ban1", (host(**details),))]) == [said]


def test_a_shield_that_is_up_is_the_first_note() -> None:
    times = {"since": NOW, "until": NOW + 3600}
    counts = {"homes": 3, "kept_out": 0, "denied": 0}
    shield = {"mode": "up", "by": "root@pc", "why": "a spray", **times, **counts}
    notes = status.list_notes([SiteResult("ban1", (host(shield=shield),))])
    assert notes[0] == (
        "ban1: SHIELD UP from 2027-01-15 08:00 to 2027-01-15 09:00 UTC: the feed denies everybody but"
        " 3 networks of recent logins and those that are never denied (root@pc: a spray)"
    )


def test_a_name_of_the_ignore_list_without_a_recent_answer_is_noted() -> None:
    stale = [
        {"name": "office.example.com", "at": NOW, "error": "no such name"},
        {"name": "https://example.com/list", "at": 0.0, "error": ""},
    ]
    old, new = status.list_notes([SiteResult("ban1", (host(stale=stale),))])
    assert "office.example.com was last looked up at 2027-" in old
    assert "still counts (no such name)" in old
    assert "https://example.com/list could not be looked up yet, so it spares nobody" in new


def test_each_site_that_shares_its_bans_is_noted_and_each_that_does_not_answer() -> None:
    peer = {"group": "north", "bans": 0, "refused": 0, "answered": NOW, "counts": True}
    peers = [
        peer | {"site": "bh2", "bans": 7},
        peer | {"site": "bh3", "refused": 2},
        peer | {"site": "bh4", "counts": False},
        peer | {"site": "bh5", "answered": 0.0, "counts": False},
    ]
    good, silent, new = status.list_notes([SiteResult("ban1", (host(peers=peers),))])
    assert good == ("ban1: bans shared by other sites: bh2 7, bh3 0 (and 2 that this site spares)")
    assert "site bh4 (group north) has not shared its bans since 2027-" in silent
    assert "site bh5 (group north) has not shared its bans yet, so they do not count" in new


def test_the_numbers_of_peers_are_those_of_the_inventory_s_peers_only() -> None:
    metrics = (
        'banstitch_shared_bans{group="north",peer="bh2"} 5\n'
        'banstitch_shared_bans{group="north",peer="invented"} 9\n'
        'banstitch_shared_answer_seconds{group="north",peer="bh2"} 1.5\n'
        'banstitch_shared_up{group="north",peer="bh2"} 1\n'
    )
    (found,) = read_peers(metrics, [("north", "bh2")])
    assert (found["site"], found["bans"], found["answered"], found["counts"]) == (
        "bh2",
        5,
        1.5,
        True,
    )
    assert read_peers(metrics, ()) == []


@pytest.mark.parametrize(
    ("mode", "earlier", "said"),
    [
        (
            "a-p",
            "",
            "FGT-B (FG2) is the primary, which polls and posts; FGT-A (FG1) is secondary",
        ),
        (
            "a-p",
            "FG1",
            "FGT-B (FG2) is the primary, which polls and posts; FGT-A (FG1) is secondary; it took over"
            " from FG1 after the last apply",
        ),
        (
            "a-a",
            "",
            "FGT-B (FG2) is the primary and posts; all members poll; FGT-A (FG1) is secondary",
        ),
    ],
)
def test_the_members_of_a_cluster_are_named_with_the_one_that_polls(
    mode: str, earlier: str, said: str
) -> None:
    members = [
        {"name": "FGT-A", "serial": "FG1", "active": False},
        {"name": "FGT-B", "serial": "FG2", "active": True},
    ]
    cluster = {"mode": mode, "members": members, "took_over_from": earlier}
    found = TargetResult("fw1", "fortios", "ok", details={"cluster": cluster})
    (note,) = status.list_notes([SiteResult("ban1", (found,))])
    assert note == f"fw1: cluster ({mode}): {said}"


def test_a_note_is_one_line_whatever_a_ban_host_answers() -> None:
    stale = [{"name": "office.example.com", "at": NOW, "error": "x\nban2: all is well"}]
    (note,) = status.list_notes([SiteResult("ban1", (host(stale=stale),))])
    assert "still counts (x\\nban2: all is well): see" in note
