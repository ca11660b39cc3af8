"""A site that does not share its bans is an alarm, but not while it or this service starts."""

from __future__ import annotations

import os
from pathlib import Path

from watch.alarms.facts import list_silent

from tests.unit.watch.alarms.samples import NOW

PEERS = [("north", "bh2"), ("north", "bh3")]


def note_answer(folder: Path, site: str, at: float) -> None:
    """Leave the sign that a site answered."""
    path = folder / f"shared+north+{site}.alive"
    path.touch()
    os.utime(path, (at, at))


def test_a_site_that_has_been_silent_for_five_minutes_is_named(tmp_path: Path) -> None:
    note_answer(tmp_path, "bh2", NOW - 301)
    note_answer(tmp_path, "bh3", NOW - 299)
    assert list_silent(str(tmp_path), PEERS, 999.0, NOW) == (("north", "bh2"),)


def test_a_site_that_never_answered_is_named_as_well(tmp_path: Path) -> None:
    assert list_silent(str(tmp_path), PEERS, 301.0, NOW) == tuple(PEERS)


def test_nobody_is_silent_before_he_could_be_asked_or_while_the_clock_is_new(
    tmp_path: Path,
) -> None:
    note_answer(tmp_path, "bh2", NOW - 9999)
    assert list_silent(str(tmp_path), PEERS, 60.0, NOW) == ()
