"""The messages that wait for a channel, and when they may go: together, seldom, and not at night.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from banstitch_shared.alarm_notes import CRITICAL, SEVERITIES

from watch.alarms.judge import Message

# Seconds for which the first message waits for others, and between two digests.
GATHER, PAUSE = 10.0, 30.0
# Digests within an hour; the rest waits. As many more may go out with something critical: whoever causes
# warnings must not delay those.
HOUR, MOST_AN_HOUR = 3600.0, 12
# Messages that wait for a channel; of more, the oldest are dropped and counted, critical ones last.
MOST_WAITING = 500
# Seconds after the first failure until the next attempt, which double, and the longest pause.
FIRST_RETRY, LONGEST_RETRY = 15.0, 60.0
# Failures in a row after which a channel is an alarm on the others.
FAILING = 2


class Quiet(NamedTuple):
    """Hours in which only critical messages are sent: minutes of the day, in a time zone."""

    begins: int
    ends: int
    zone: str

    def covers(self, now: float) -> bool:
        """Return whether a moment is within the quiet hours."""
        local = datetime.fromtimestamp(now, ZoneInfo(self.zone))
        minute = 60 * local.hour + local.minute
        if self.begins < self.ends:
            return self.begins <= minute < self.ends
        return minute >= self.begins or minute < self.ends


class Outbox(NamedTuple):
    """The messages that wait for a channel. ``sent``: when digests went out within the last hour.

    ``failures``: in a row, the last one with ``error`` at ``tried``; without any, ``error`` is why the last
    digest did not reach everybody. ``dropped``: messages without room.
    """

    waiting: tuple[Message, ...] = ()
    sent: tuple[float, ...] = ()
    failures: int = 0
    tried: float = 0.0
    error: str = ""
    dropped: int = 0


def put(outbox: Outbox, messages: Sequence[Message], minimum: str) -> Outbox:
    """Return the outbox with those messages that are severe enough for its channel."""
    least = SEVERITIES.index(minimum)
    new = [each for each in messages if SEVERITIES.index(each.severity) >= least]
    waiting = [*outbox.waiting, *new]
    dropped = max(0, len(waiting) - MOST_WAITING)
    droppable = sorted(range(len(waiting)), key=lambda n: (waiting[n].severity == CRITICAL, n))
    gone = set(droppable[:dropped])
    kept = tuple(each for number, each in enumerate(waiting) if number not in gone)
    return outbox._replace(waiting=kept, dropped=outbox.dropped + dropped)


def take(
    outbox: Outbox,
    now: float,
    quiet: Quiet | None = None,
) -> tuple[Message, ...]:
    """Return the messages that are to go out now, as one digest; none if it is not time yet."""
    waiting = outbox.waiting
    if quiet and quiet.covers(now):
        waiting = tuple(each for each in waiting if each.severity == CRITICAL)
    if not waiting or not _is_due(outbox, waiting, now):
        return ()
    return waiting


def _is_due(outbox: Outbox, waiting: Sequence[Message], now: float) -> bool:
    if 0 <= now - waiting[0].at < GATHER:
        return False
    if outbox.failures:
        pause = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(outbox.failures - 1, 10))
        return not 0 <= now - outbox.tried < pause
    recent = [at for at in outbox.sent if 0 <= now - at < HOUR]
    is_critical = any(each.severity == CRITICAL for each in waiting)
    most = 2 * MOST_AN_HOUR if is_critical else MOST_AN_HOUR
    return not (recent and now - recent[-1] < PAUSE) and len(recent) < most


def is_failing(outbox: Outbox) -> bool:
    """Return whether the channel is an alarm on the others."""
    return outbox.failures >= FAILING or bool(outbox.error and not outbox.failures)


def note_sent(outbox: Outbox, batch: Sequence[Message], now: float, missed: str = "") -> Outbox:
    """Return the outbox after a digest went out. ``missed``: why it did not reach everybody."""
    gone = set(batch)
    waiting = tuple(each for each in outbox.waiting if each not in gone)
    sent = (*(at for at in outbox.sent if 0 <= now - at < HOUR), now)
    return Outbox(waiting, sent[-2 * MOST_AN_HOUR :], error=missed)


def note_failed(outbox: Outbox, error: str, now: float) -> Outbox:
    """Return the outbox after a digest could not be sent."""
    return outbox._replace(failures=outbox.failures + 1, tried=now, error=error)
