"""The bench's attempts: the receiver reads from the raw line what the bench gives to the rules."""

from __future__ import annotations

import json

import pytest
from banstitch_shared.eventlog import FAILURE, LOCKOUT, SUCCESS, read_line, write_line
from receiver.lines import read_event
from receiver.verdicts import judge

from tests.bench.campaigns.attempts import (
    ADMIN,
    IPSEC,
    SSLVPN,
    Attempt,
    find_source,
    to_entry,
    to_json_line,
)
from tests.bench.campaigns.names import HARD
from tests.unit.receiver.hostile_lines import DETECTIONS

AT = 1_793_577_600.0


def read_back(attempt: Attempt) -> tuple[str, str, str, str, str]:
    """Return detection, kind, source, user and reason that the receiver reads from the raw line."""
    line = json.loads(to_json_line(attempt))["line"]
    found = judge(read_event(line), DETECTIONS, (), False, 64)
    assert not found.ignored
    return found.detection, found.kind, found.address, found.user, found.reason


@pytest.mark.parametrize(
    ("detection", "kind"),
    [
        (SSLVPN, FAILURE),
        (SSLVPN, SUCCESS),
        (IPSEC, FAILURE),
        (IPSEC, SUCCESS),
        (ADMIN, FAILURE),
        (ADMIN, SUCCESS),
        (ADMIN, LOCKOUT),
    ],
)
@pytest.mark.parametrize("address", ["45.1.2.3", "2a0c:1b3:77:4200::c695"])
def test_the_receiver_reads_what_the_rules_are_given(
    detection: str, kind: str, address: str
) -> None:
    user = "" if kind == LOCKOUT else "anna.bauer"
    attempt = Attempt(AT, address, find_source(address), detection, kind, user)
    assert read_back(attempt)[:4] == (detection, kind, find_source(address), user)


@pytest.mark.parametrize("user", HARD)
def test_a_name_that_is_hard_to_read_arrives_as_it_was_typed(user: str) -> None:
    attempt = Attempt(AT, "45.1.2.3", "45.1.2.3", SSLVPN, FAILURE, user, "reason", is_guess=True)
    assert read_back(attempt)[:3] == (SSLVPN, FAILURE, "45.1.2.3")
    written = read_line(write_line(to_entry(attempt)))
    assert read_back(attempt)[3] == written.user
