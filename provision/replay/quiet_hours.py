"""The quiet hours of a replay: when bans of autonomous systems would have counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from banstitch_shared.quiet_hours import HOUR, is_quiet


@dataclass
class QuietHours:
    """The hours of the week as the rules knew them, each set with the time from which on it was known."""

    known: list[tuple[float, str]] = field(default_factory=list)
    _parts: dict[tuple[float, float], list[tuple[float, float]]] = field(
        default_factory=dict, init=False
    )

    def note(self, at: float, hours: str) -> None:
        """Note the hours that are known at a time."""
        if not self.known or self.known[-1][1] != hours:
            self.known.append((at, hours))

    def are_at(self, at: float) -> bool:
        """Return whether bans of autonomous systems count at a time of late."""
        return not self.known or is_quiet(self.known[-1][1], at)

    def split(self, since: float, until: float) -> list[tuple[float, float]]:
        """Return the parts of a time in which such bans counted, or will by what is known at the end.

        The networks of a system are banned at one time, so each time is split once.
        """
        if (since, until) not in self._parts:
            self._parts[since, until] = list(self._split(since, until))
        return self._parts[since, until]

    def _split(self, since: float, until: float) -> Iterator[tuple[float, float]]:
        start = None
        for at, hours in self._list_hours(since, until):
            if is_quiet(hours, at) and start is None:
                start = at
            elif not is_quiet(hours, at) and start is not None:
                yield start, at
                start = None
        if start is not None:
            yield start, until

    def _list_hours(self, since: float, until: float) -> Iterator[tuple[float, str]]:
        """Yield the times at which the answer may change, with the hours known then."""
        at, number = since, 0
        while at < until:
            while number + 1 < len(self.known) and self.known[number + 1][0] <= at:
                number += 1
            yield at, self.known[number][1] if self.known else ""
            at = (at // HOUR + 1) * HOUR
