"""The work of banstitch-rules: events in, lines of the rule log out, none lost and none twice.

The step is deterministic. So after a kill the events are read again from the checkpoint on, and as many
lines are skipped as the rule log already has behind its place in the checkpoint.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from banstitch_shared.addresses import is_spelled
from banstitch_shared.eventlog import Entry, read_line
from banstitch_shared.jails import PLAIN, name_jail

from rules.alarms import AlarmFile
from rules.checkpoint import Checkpoint, read_checkpoint
from rules.database import Database
from rules.follow import Follower
from rules.hours import HoursFile
from rules.rulelog import RuleLog, write_line
from rules.saving import Saver
from rules.settings import Settings
from rules.shielding import Shielding
from rules.spool import Spool
from rules.standing import note_all_systems
from rules.state import State
from rules.step import Alarm, Ban, Outcome, step
from rules.trusted import TrustedFile

# The sender of the self-test. Its events prove the loop and are no attack.
SELF_TEST = "verify"
# The age in seconds from which on a ban is skipped if nobody knows whether it was written.
OLD = 3600.0
# Seconds between two looks for a newer database.
PAUSE = 60.0
# Seconds between two renewals of a sign of life.
RENEWED = 2.0

log = logging.getLogger("banstitch-rules")


class Places(NamedTuple):
    """Paths. ``alive``: when the service last worked; ``current``: when it last knew every event.

    ``memory``: the folder of the shield's file; ``spool``: that of orders and allowances.
    """

    events: str
    rules: str
    checkpoint: str
    alarms: str
    requests: str
    alive: str
    current: str
    memory: str
    spool: str


class Worker:
    """The worker takes events from the event log into the state, and writes their outcomes."""

    def __init__(
        self, places: Places, settings: Settings, clock: Callable[[], float] = time.time
    ) -> None:
        self._places = places
        self._database = Database(settings.asn_database)
        self._settings = replace(settings, systems=self._database.open())
        self._clock = clock
        self._rules = RuleLog(places.rules)
        self._alarms = AlarmFile(places.alarms)
        self._spool = Spool(places.requests)
        self._hours = HoursFile(places.memory)
        self._trusted = TrustedFile(places.memory, settings)
        self._shielding = Shielding(places.memory, places.spool, settings, clock())
        self._alive, self._current = SignOfLife(places.alive), SignOfLife(places.current)
        self._state = State()
        # lines that the rule log has already, and the time up to which none is written
        self._written = 0
        self._silent_until = 0.0
        # lines that the disk did not take yet
        self._waiting: list[str] = []
        self._saver = Saver(places.checkpoint, self._make_checkpoint, clock)
        self._unreadable = 0
        # when a newer database was opened
        self._renewed_at = 0.0
        self._rules.repair()
        self._events = self._recover()
        note_all_systems(self._state, self._settings)
        self.save()  # from here on recovery is exact

    def _recover(self) -> Follower:
        """Return the events from the checkpoint on, or those of the current file if there is none."""
        found = None
        try:
            found = read_checkpoint(self._places.checkpoint)
        except ValueError as error:
            log.error("the checkpoint cannot be read, so all counts begin anew: %s", error)
        if found is None:
            self._be_silent_until(self._clock() - OLD)
            return Follower(self._places.events, None)
        self._state, self._silent_until = found.state, found.silent_until
        written = self._rules.count_behind(found.rules)
        self._written = written or 0
        if written is None:
            self._be_silent_until(0)
        events = Follower(self._places.events, found.events)
        if events.is_lost:
            log.warning("events may be missing: %s was rotated twice", self._places.events)
            self._written = 0
            self._be_silent_until(self._clock() - OLD)
        return events

    def _be_silent_until(self, least: float) -> None:
        """Write nothing up to the last line that is there, nor up to ``least``."""
        last = self._rules.read_last_time()
        self._silent_until = max(self._silent_until, min(max(least, last), self._clock()))

    def work(self) -> bool:
        """Take the next events; return whether there may be more.

        Raises:
            OSError: the rule log cannot be written. The next call tries again, and no event is lost.
        """
        now = self._clock()
        self._alive.renew(now)
        if not self._waiting:
            lines = self._events.read()
            self._waiting = [text for line in lines for text in self._take(line)]
            if lines:
                self._saver.note_change()
            else:
                self._written = 0
                self._current.renew(now)
                self._alarms.write(self._state, now)
                self._hours.write(self._state)
                self._trusted.write(self._state, now)
                self._turn_shield(now)
                self._saver.save_if_due(now)
                self._renew_database(now)
                return False
        if self._waiting:
            is_new_file = self._rules.append(self._waiting)
            self._waiting = []
            if is_new_file:  # so a checkpoint is never two rotations behind
                self.save()
        return True

    def _renew_database(self, now: float) -> None:
        """Open the database of autonomous systems again if it is a newer one."""
        if 0 <= now - self._renewed_at < PAUSE or not self._database.is_changed():
            return
        self._renewed_at = now
        self._settings = replace(self._settings, systems=self._database.open())
        note_all_systems(self._state, self._settings)
        # a kill must not have events read again that were judged by the older one
        self.save()

    def _take(self, line: str) -> list[str]:
        """Return the lines that follow from one line of the event log and are not written yet."""
        try:
            entry = read_line(line)
        except ValueError:
            entry = None
        if entry is None or not is_spelled(entry.address):
            self._note_unreadable(line)
            return []
        lines = [line for outcome in self._judge(entry) for line in self._carry_out(outcome)]
        known = min(self._written, len(lines))
        self._written -= known
        return lines[known:]

    def _judge(self, entry: Entry) -> list[Outcome]:
        # a line of version 0.1 has no FortiGate; only `plain` counted then
        if entry.fortigate in (SELF_TEST, ""):
            if entry.detection not in self._settings.detections:
                return []
            jail = name_jail(entry.detection, PLAIN)
            return [Ban(entry.at, jail, entry.address, entry.address, entry.fortigate)]
        self._shielding.count(self._state, entry)  # before a login makes its own network known
        return step(self._state, entry, self._settings)

    def _turn_shield(self, now: float) -> None:
        """Raise or lower the shield, and ask root to note that in the audit."""
        turn = self._shielding.look(self._state, now)
        if turn is None:
            return
        log.warning("shield: %s", turn.mode)
        try:
            self._spool.note(turn, now)
        except OSError as error:
            log.error("cannot write a request: %s", error)

    def _carry_out(self, outcome: Outcome) -> list[str]:
        """Return the line of a ban; ask root to carry out any other outcome."""
        if outcome.at <= self._silent_until:
            return []
        if isinstance(outcome, Ban):
            return [write_line(outcome)]
        if isinstance(outcome, Alarm) and not self._alarms.add(outcome):
            return []
        try:
            self._spool.ask(outcome, self._clock())
        except OSError as error:
            log.error("cannot write a request: %s", error)
        return []

    def _note_unreadable(self, line: str) -> None:
        if not self._unreadable:
            log.warning("%s has a line that cannot be read: %r", self._places.events, line[:100])
        self._unreadable += 1

    def save(self) -> None:
        """Write the checkpoint; if that fails, try again later."""
        self._saver.save()

    def _make_checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint; None while lines wait, or may be in the rule log already."""
        events, rules = self._events.place, self._rules.place
        if self._waiting or self._written or events is None or rules is None:
            return None
        return Checkpoint(self._state, events, rules, self._silent_until)

    def close(self) -> None:
        """Close the files; nothing is written."""
        self._events.close()


class SignOfLife:
    """An empty file whose time is renewed while the service works, or knows every event."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._given_at = 0.0

    def renew(self, now: float) -> None:
        """Renew the sign now and then. Raises OSError."""
        if 0 <= now - self._given_at < RENEWED:
            return
        try:
            os.utime(self._path, (now, now))
        except FileNotFoundError:
            how = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            os.close(os.open(self._path, how, 0o640))
            os.utime(self._path, (now, now))
        self._given_at = now
