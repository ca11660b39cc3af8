"""Write messages as one digest: a subject and lines of plain text.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from banstitch_shared.alarm_notes import INFO, SEVERITIES

from watch.alarms.judge import Message
from watch.alarms.texts import clean, format_span, format_time

# Lines of a digest.
MOST_LINES = 40


class Digest(NamedTuple):
    """A digest about a site. ``severity``: the highest in it. ``left_out``: messages without a line."""

    site: str
    subject: str
    described: tuple[str, ...]
    severity: str
    messages: tuple[Message, ...]
    left_out: int = 0

    @property
    def lines(self) -> tuple[str, ...]:
        """Return a line for each message, and one about those that were left out."""
        if not self.left_out:
            return self.described
        return (*self.described, "and %d more: see `site.py alarms`" % self.left_out)

    def fit(self, most: int) -> Digest:
        """Return the digest with as many of its lines as have room in ``most`` bytes."""
        fitting = self
        while len("\n".join(fitting.lines).encode()) > most and fitting.described:
            kept = fitting.described[:-1]
            fitting = fitting._replace(described=kept, left_out=fitting.left_out + 1)
        return fitting

    @property
    def text(self) -> str:
        """Return the whole digest as plain text."""
        return "\n".join([self.subject, *self.lines])


def compose(site: str, messages: Sequence[Message], dropped: int = 0) -> Digest:
    """Return the digest of messages, the most severe first."""
    new = [each for each in messages if not each.is_over]
    over = [each for each in messages if each.is_over]
    ordered = sorted(new, key=lambda each: -SEVERITIES.index(each.severity))
    lines = [_describe(each) for each in [*ordered, *over]]
    kept, left_out = tuple(lines[:MOST_LINES]), dropped + max(0, len(lines) - MOST_LINES)
    severity, subject = ordered[0].severity if ordered else INFO, _summarize(site, ordered, over)
    return Digest(site, subject, kept, severity, tuple(messages), left_out)


def compose_test(site: str, now: float) -> Digest:
    """Return the digest that `alarms --test` sends."""
    text = "a test of the alarms, requested on %s; nothing is wrong" % format_time(now)
    return Digest(
        site,
        "[%s] test of the alarms" % site,
        (text,),
        INFO,
        (Message(now, "test", INFO, text),),
    )


def _summarize(site: str, new: Sequence[Message], over: Sequence[Message]) -> str:
    if len(new) + len(over) == 1:
        (message,) = (*new, *over)
        state = "over" if message.is_over else message.severity
        return clean("[%s] %s: %s" % (site, state, message.text))
    counts = []
    if new:
        counts.append("%d new alarm%s (%s)" % (len(new), "s" * (len(new) > 1), new[0].severity))
    if over:
        counts.append("%d over" % len(over))
    return clean("[%s] %s" % (site, ", ".join(counts)))


def _describe(message: Message) -> str:
    at = format_time(message.at)
    if message.is_over:
        return "OVER after %s, at %s: %s" % (format_span(message.lasted), at, message.text)
    return "%s at %s: %s" % (message.severity.upper(), at, message.text)
