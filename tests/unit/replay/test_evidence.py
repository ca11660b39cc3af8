"""A replay of what a ban host recorded: as live, with the settings of now, whatever the host answers."""

from __future__ import annotations

from typing import Any

import pytest
from banstitch_shared.eventlog import FAILURE, SUCCESS, Entry, write_line

from provision.replay.evidence import replay_evidence
from provision.replay.replay import Replay
from roles.detection.catalogue import CATALOGUE
from roles.detection.role import Enabled
from roles.receiver.events import describe_detection
from tests.unit.replay.test_replay import DETECTION, T0, build_rules


def event(at: float, address: str = "203.0.113.9", user: str = "alice", **more: Any) -> str:
    entry = Entry(T0 + at, "fw1", DETECTION, FAILURE, address, user, "")
    return write_line(entry._replace(**more))


def replay(*lines: str, own: tuple[str, ...] = (), ignore: tuple[str, ...] = ()) -> Replay:
    block = describe_detection(Enabled(CATALOGUE[DETECTION], 1, 1, 1), own, ignore)
    return replay_evidence("ban1", lines, build_rules(detections=[block]))


def test_events_are_replayed_in_the_order_of_their_times() -> None:
    outcome = replay(event(100), event(2), event(0), event(1))
    (ban,) = outcome.bans
    assert (ban.at, ban.key, ban.jail.rule) == (T0 + 2, "203.0.113.9", "plain")
    assert (outcome.events, outcome.kept_out) == (4, 1)


def test_a_login_makes_a_ban_doubtful() -> None:
    outcome = replay(event(0, user="admin"), event(1, kind=SUCCESS))
    assert [doubt.user for doubt in outcome.doubts] == ["alice"]


@pytest.mark.parametrize(
    "other",
    [
        {"fortigate": "verify"},
        {"detection": "ipsec_psk_failed"},
        {"address": "198.51.100.7"},
        {"address": "10.1.1.1"},
        {"kind": SUCCESS, "address": "192.0.2.10"},
    ],
    ids=["the self-test", "a detection that is off", "ignored", "private", "an own login"],
)
def test_what_would_not_count_now_counts_as_another_line(other: dict[str, Any]) -> None:
    lines = [event(n, user="admin", **other) for n in range(3)]
    outcome = replay(*lines, own=("192.0.2.10/32",), ignore=("198.51.100.0/24",))
    assert (outcome.bans, outcome.events, outcome.others) == ([], 0, 3)


@pytest.mark.parametrize(
    "address", ["203.0.113.9/24", "1.2.3", "::1.2.3.4", "2001:db8::1/64", "2001:0db8::", "//"]
)
def test_a_forged_address_is_unreadable_and_ends_nothing(address: str) -> None:
    forged = event(0).replace("203.0.113.9", address)
    outcome = replay(forged, event(1, user="admin"))
    assert outcome.unreadable == {"the line is not an event": 1}
    assert len(outcome.bans) == 1


def test_a_network_of_one_attacker_is_a_source() -> None:
    outcome = replay(event(0, "2a00:1:2:3::/64", "admin"))
    assert [ban.key for ban in outcome.bans] == ["2a00:1:2:3::/64"]
