"""Replay: whom the rules would have banned, and what the bans would have kept out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared.eventlog import FAILURE, SUCCESS, Entry, read_line, write_line

from provision.errors import InputError
from provision.replay.logs import LogLine
from provision.replay.replay import (
    Replay,
    SiteRules,
    judge_line,
    read_site_rules,
    replay_entries,
    replay_lines,
)
from provision.replay.report import build_document, list_lines
from roles.detection.catalogue import CATALOGUE
from roles.detection.role import Enabled
from roles.receiver.events import describe_detection
from tests.bench.campaigns.mmdb import write_database

DETECTION = "sslvpn_login_failed"
HOUR, DAY = 3600.0, 86400.0
T0 = 1_700_000_000.0


def build_rules(**changes: Any) -> SiteRules:
    """Return rules with a jail of three failures, and one for traps that grows."""
    jail = {"detection": DETECTION, "find_time": 600, "factor": 1, "longest": 28 * DAY}
    jail["ignored"] = ["198.51.100.200", "203.0.113.64/27"]
    parts: dict[str, Any] = {
        "detections": [],
        "ipv6_prefix": 64,
        "poll": 60.0,
        "shield": "off",
        "spared": ["127.0.0.0/8"],
        "rules": {
            "detections": {
                DETECTION: {
                    "rules": {
                        "plain": [3, 600],
                        "slow": [9, DAY],
                        "trap": [1, 600],
                        "trusted": [10, 600],
                    },
                    "accounts": "users",
                    "no_traps": [],
                }
            },
            "trap_users": ["admin"],
            "known_users": ["alice", "bob"],
            "trust_days": 14,
            "trust_sources": 5,
            "most_failures": 1.5,
        },
        "jails": [
            {
                **jail,
                "name": f"banstitch-{DETECTION}",
                "rule": "plain",
                "max_retry": 3,
                "ban_time": 3600,
            },
            {
                **jail,
                "name": f"banstitch-{DETECTION}-trap",
                "rule": "trap",
                "max_retry": 1,
                "ban_time": DAY,
                "factor": 4,
            },
        ],
        **changes,
    }
    return read_site_rules(parts)


def fail(at: float, address: str = "203.0.113.9", user: str = "alice") -> Entry:
    return Entry(T0 + at, "fw1", DETECTION, FAILURE, address, user, "")


def succeed(at: float, address: str = "203.0.113.9", user: str = "alice") -> Entry:
    return Entry(T0 + at, "fw1", DETECTION, SUCCESS, address, user, "")


def replay(*entries: Entry, **changes: Any) -> Replay:
    return replay_entries(Replay("ban1"), entries, build_rules(**changes))


def test_a_ban_keeps_out_what_comes_after_the_next_poll() -> None:
    outcome = replay(fail(0), fail(1), fail(2), fail(30), fail(63), fail(3601), fail(3663))
    (ban,) = outcome.bans
    assert (ban.at, ban.until, ban.key, ban.jail.rule, ban.events) == (
        T0 + 2,
        T0 + 3602,
        "203.0.113.9",
        "plain",
        3,
    )
    assert (outcome.kept_out, outcome.let_through) == (2, 5)


def test_a_denied_failure_is_counted_by_no_rule() -> None:
    """The FortiGate would not have written it, so the second ban follows three new failures."""
    outcome = replay(*(fail(at) for at in (0, 1, 2, 100, 101, 102, 3700, 3701)))
    assert len(outcome.bans) == 1


def test_a_site_without_a_poll_denies_at_once() -> None:
    outcome = replay(fail(0), fail(1), fail(2), fail(3), poll=0.0)
    assert (outcome.kept_out, outcome.let_through) == (1, 3)


def test_a_repeat_offender_is_banned_for_longer() -> None:
    outcome = replay(fail(0, user="admin"), fail(DAY + 61, user="admin"))
    assert [ban.until - ban.at for ban in outcome.bans] == [DAY, 4 * DAY]


def test_a_login_ends_a_ban_and_makes_it_doubtful() -> None:
    outcome = replay(fail(0, user="admin"), succeed(30), fail(100))
    (doubt,) = outcome.doubts
    assert (doubt.ban.key, doubt.login, doubt.user) == ("203.0.113.9", T0 + 30, "alice")
    assert doubt.ban.until == T0 + 30
    assert outcome.kept_out == 0


def test_a_login_that_the_ban_would_have_denied_makes_it_doubtful_and_ends_nothing() -> None:
    outcome = replay(fail(0, user="admin"), succeed(1000), fail(2000))
    assert len(outcome.doubts) == 1
    assert outcome.kept_out == 1


@pytest.fixture
def attack() -> Iterator[Entry]:
    """Twenty strangers, then one more, an employee who mistypes at home, and one in a hotel."""
    home = succeed(0, "198.51.100.1", "bob")
    strangers = [fail(10 + n, f"203.0.113.{n}") for n in range(1, 21)]
    late = [fail(200, "192.0.2.77"), fail(205, "198.51.7.7", "bob")]
    logins = [succeed(210, "198.51.7.7", "bob"), succeed(220, "192.0.2.9")]
    return iter([home, *strangers, *late, *logins])


def test_the_shield_denies_strangers_and_spares_networks_of_logins(attack: Iterator[Entry]) -> None:
    outcome = replay(*attack, shield="auto")
    (time,) = outcome.shield
    assert (time.kept_out, time.denied) == (1, 1)
    assert (outcome.kept_out, outcome.let_through) == (1, 21)
    assert time.until - time.since >= DAY


def test_a_shield_that_is_off_is_shown_and_denies_nobody(attack: Iterator[Entry]) -> None:
    outcome = replay(*attack)
    assert outcome.shield[0].kept_out == 1
    assert outcome.kept_out == 0


def test_networks_of_the_operator_are_spared_by_the_shield(attack: Iterator[Entry]) -> None:
    outcome = replay(*attack, shield="auto", spared=["192.0.2.0/24"])
    assert outcome.shield == []
    assert (outcome.kept_out, outcome.let_through) == (0, 22)


def test_the_document_and_the_text_say_the_same() -> None:
    outcome = replay(fail(0, user="admin"), succeed(30), fail(40, "198.51.100.7", "admin"))
    document = build_document([outcome])
    assert [row["network"] for row in document["bans"]] == ["203.0.113.9", "198.51.100.7"]
    assert set(document) >= {"bans", "kept_out", "let_through", "doubtful"}
    assert set(document["bans"][0]) >= {"at", "until", "network", "detection", "rule", "events"}
    text = "\n".join(list_lines(document))
    assert "198.51.100.7 banned until 2023-11-15 22:14:00Z" in text
    assert "doubtful: 203.0.113.9 (sslvpn_login_failed, trap): alice logged in" in text
    assert "2 bans, 1 doubtful; 0 guesses of 2 kept out (0.0 %)" in text


def write_systems(folder: Path) -> dict[str, Any]:
    """Return the parts of a site that bans autonomous systems, with a database in ``folder``."""
    path = folder / "asn.mmdb"
    write_database(path, {"45.1.0.0/16": 64501, "45.3.0.0/16": 64501, "9.9.0.0/16": 64509})
    rules = {"plain": [3, 600], "trap": [1, 600], "asn": [2, DAY]}
    detection = {"rules": rules, "accounts": "users", "no_traps": []}
    known = {"known_users": [], "trust_days": 14, "trust_sources": 5, "most_failures": 1.5}
    settings = {"detections": {DETECTION: detection}, "trap_users": ["admin"], **known}
    jails = [
        {
            "name": f"banstitch-{DETECTION}-asn",
            "detection": DETECTION,
            "rule": "asn",
            "max_retry": 1,
            "find_time": DAY,
            "ban_time": DAY,
            "ignored": [],
        }
    ]
    return {"rules": {**settings, "asn_database": str(path)}, "jails": jails}


def test_all_of_a_system_is_kept_out_once_two_of_its_sources_are_suspicious(
    tmp_path: Path,
) -> None:
    entries = [fail(n, f"45.1.{n}.1", "admin") for n in range(2)]
    entries += [fail(100, "45.3.7.7", "bob"), fail(100, "9.9.9.9", "bob")]
    found = replay(*entries, **write_systems(tmp_path))
    assert [(ban.key, ban.jail.rule) for ban in found.bans] == [
        ("45.1.0.0/16", "asn"),
        ("45.3.0.0/16", "asn"),
    ]
    assert (found.kept_out, found.let_through) == (1, 3)


def test_a_database_that_is_not_here_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    parts = write_systems(tmp_path)
    (tmp_path / "asn.mmdb").unlink()
    with pytest.raises(InputError) as caught:
        build_rules(**parts)
    (problem,) = caught.value.problems
    assert "No such file" in problem.message
    assert "-e detection_asn_database=PATH" in problem.remedy


@pytest.mark.parametrize("user", ["N/A", "", "(null)", "x" * 500, "\u6771" * 200])
def test_an_event_is_the_one_that_the_receiver_writes_down(user: str) -> None:
    block = describe_detection(Enabled(CATALOGUE[DETECTION], 1, 1, 1), (), ())
    text = f'logid="0101039426" remip=45.1.1.1 user="{user}" reason="Not good!" msg="failed"'
    entry = judge_line(LogLine(T0, "fw1", text), build_rules(detections=[block]))
    assert entry is not None
    assert entry == read_line(write_line(entry))
    assert entry.reason == "not_good"


def test_lines_of_several_logs_are_replayed_in_the_order_of_their_times() -> None:
    block = describe_detection(Enabled(CATALOGUE[DETECTION], 1, 1, 1), (), ())
    line = 'logid="0101039426" remip=203.0.113.9 user="alice" msg="failed"'
    lines = [json.dumps({"at": T0 + at, "line": line}) for at in (100, 2, 0, 1)]
    outcome = replay_lines("ban1", lines, build_rules(detections=[block]))
    assert [ban.at for ban in outcome.bans] == [T0 + 2]
    assert (outcome.kept_out, outcome.let_through) == (1, 3)


def test_a_ban_of_a_system_counts_in_quiet_hours_only(tmp_path: Path) -> None:
    midnight = (T0 // DAY + 1) * DAY - T0
    entries = [
        succeed(midnight + day * DAY + 9 * HOUR + number, "7.7.7.7", f"user{number}")
        for day in range(9)
        for number in range(400)
    ]
    night = midnight + 9 * DAY
    entries += [fail(night + n, f"45.1.{n}.1", "admin") for n in range(2)]
    entries += [
        fail(night + 8 * HOUR, "45.3.7.7", "bob"),
        fail(night + 9.5 * HOUR, "45.3.7.7", "bob"),
        fail(night + 11 * HOUR, "45.3.7.7", "bob"),
    ]
    parts = write_systems(tmp_path)
    parts["jails"] += [{**parts["jails"][0], "name": f"banstitch-{DETECTION}-trap", "rule": "trap"}]
    found = replay(*entries, **parts)
    assert (found.kept_out, found.let_through) == (2, 3)
    bans = build_document([found])["bans"]
    rows = [row for row in bans if row["network"] == "45.3.0.0/16"]
    times = [((row["at"] - T0 - night) / HOUR, (row["until"] - T0 - night) / HOUR) for row in rows]
    assert times == [(pytest.approx(1 / HOUR), 9.0), (10.0, pytest.approx(24 + 1 / HOUR))]
    assert [row["until"] - row["at"] for row in bans if row["network"] == "45.1.0.1"] == [DAY]
