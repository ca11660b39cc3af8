"""The book of the alarms: what is active, what waits for which channel, and the file that keeps it.

Several threads use it. It is written before a digest goes out and after, so that a restart repeats nothing.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from banstitch_shared.alarm_notes import (
    ACTIVE,
    CRITICAL,
    INFO,
    WARNING,
    ActiveAlarm,
    ActiveAlarms,
    find_kind,
    format_active,
)
from banstitch_shared.service import replace_file

from watch.alarms import judge, outbox
from watch.alarms.conditions import (
    Limits,
    Memory,
    list_conditions,
    list_unknown,
    remember,
)
from watch.alarms.facts import Facts
from watch.alarms.judge import Active, Message
from watch.alarms.outbox import Outbox, Quiet
from watch.alarms.rhythms import Rhythm

NAME = "alarms.json"
# Seconds between two writes if nothing but the time of the last look is new.
REFRESHED = 60.0
# The number before a line of the journal: sd-daemon(3).
_LEVELS = {INFO: 6, WARNING: 4, CRITICAL: 2}

log = logging.getLogger("banstitch-watch")


class Book:
    """The state of the alarms. ``channels``: the least severity of each, by name."""

    def __init__(
        self,
        folder: str,
        limits: Limits,
        channels: Mapping[str, str],
        off: Iterable[str] = (),
        quiet: Quiet | None = None,
    ) -> None:
        self._folder, self._limits, self._channels = folder, limits, channels
        self._off, self._quiet = frozenset(off), quiet
        self._lock = threading.Lock()
        self._alarms: dict[str, Active] = {}
        self._memory = Memory()
        self._outboxes = {name: Outbox() for name in channels}
        self._looked_at, self._written_at, self._is_changed = 0.0, 0.0, False
        self._read()

    def list_failing(self) -> dict[str, str]:
        """Return the channels that fail, with the last error of each."""
        with self._lock:
            found = self._outboxes.items()
            return {name: box.error for name, box in found if outbox.is_failing(box)}

    def look(self, facts: Facts) -> None:
        """Judge the facts, and put the messages into the outboxes."""
        with self._lock:
            self._memory = remember(self._memory, facts, self._limits)
            found = list_conditions(facts, self._memory, self._limits)
            wanted = [each for each in found if find_kind(each.key) not in self._off]
            before, unknown = self._alarms, list_unknown(facts)
            self._alarms, messages = judge.judge(before, wanted, unknown, facts.now)
            for name, minimum in self._channels.items():
                # what a channel cannot deliver is no news for itself
                others = [each for each in messages if each.key != "channel:" + name]
                self._outboxes[name] = outbox.put(self._outboxes[name], others, minimum)
            self._looked_at = facts.now
            self._is_changed |= bool(messages) or self._alarms.keys() != before.keys()
        for message in messages:
            _log(message)

    def take(self, channel: str, now: float) -> tuple[tuple[Message, ...], int]:
        """Return the messages that are to go out by a channel now, and how many were dropped."""
        with self._lock:
            box = self._outboxes[channel]
            return outbox.take(box, now, self._quiet), box.dropped

    def note_sent(
        self, channel: str, batch: Sequence[Message], now: float, missed: str = ""
    ) -> None:
        """Note that a digest went out, and write that at once. Raises OSError.

        ``missed``: why it did not reach everybody.
        """
        with self._lock:
            self._outboxes[channel] = outbox.note_sent(self._outboxes[channel], batch, now, missed)
            self._is_changed = True
        self.write(now)

    def note_failed(self, channel: str, error: str, now: float) -> None:
        """Note that a digest could not be sent."""
        with self._lock:
            self._outboxes[channel] = outbox.note_failed(self._outboxes[channel], error, now)
            self._is_changed = True

    def write(self, now: float) -> None:
        """Write both files if something is new. Raises OSError."""
        with self._lock:
            is_old = not 0 <= now - self._written_at < REFRESHED
            if not self._looked_at or not (self._is_changed or is_old):
                return
            memory, active = self._format(), format_active(self._list_active())
            replace_file(os.path.join(self._folder, NAME), memory, 0o640)
            replace_file(os.path.join(self._folder, ACTIVE), active, 0o640)
            self._written_at, self._is_changed = now, False

    def _list_active(self) -> ActiveAlarms:
        alarms = tuple(
            ActiveAlarm(key, each.severity, each.since, each.text)
            for key, each in self._alarms.items()
        )
        errors = {name: box.error for name, box in self._outboxes.items()}
        return ActiveAlarms(self._looked_at, alarms, errors)

    def _format(self) -> str:
        return json.dumps(
            {"alarms": self._alarms, "memory": self._memory, "outboxes": self._outboxes}
        )

    def _read(self) -> None:
        """Read the file; if it is damaged, all begins anew."""
        path = os.path.join(self._folder, NAME)
        try:
            with open(path, encoding="ascii") as stream:
                found = json.load(stream)
            alarms = {str(key): Active(*each) for key, each in found["alarms"].items()}
            memory = _read_memory(*found["memory"])
            boxes = {name: _read_outbox(*each) for name, each in found["outboxes"].items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            log.error("%s cannot be read, so alarms are reported anew: %s", path, error)
            return
        self._alarms, self._memory = alarms, memory
        self._outboxes.update({n: box for n, box in boxes.items() if n in self._outboxes})


def _read_memory(
    polls: Any, posts: Any, counts: Any, jumped: Any, started: Any = (), errors: Any = None
) -> Memory:
    return Memory(
        {name: Rhythm(*each) for name, each in polls.items()},
        {name: Rhythm(*each) for name, each in posts.items()},
        {name: (float(number), float(at)) for name, (number, at) in counts.items()},
        (float(jumped[0]), float(jumped[1])),
        Rhythm(*started),
        {subject: float(since) for subject, since in (errors or {}).items()},
    )


def _read_outbox(waiting: Any, sent: Any, *rest: Any) -> Outbox:
    return Outbox(tuple(Message(*each) for each in waiting), tuple(map(float, sent)), *rest)


def _log(message: Message) -> None:
    state = "ALARM OVER" if message.is_over else "ALARM"
    level = _LEVELS[INFO if message.is_over else message.severity]
    log.warning("<%d>%s %s: %s", level, state, message.severity, message.text)
