"""Follow a log across rotations: every line once, in order.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import os

from rules.logfiles import (
    Place,
    close_all,
    is_place_in,
    make_place,
    open_all,
    open_from,
    wait_for_writers,
)

# Bytes that one look reads at most.
AT_ONCE = 1 << 20
# The receiver writes no longer line.
LONGEST = 4096


class Follower:
    """Reads a log from a place on.

    Without a place it begins with the current file. If the file of the place is gone, everything that is
    still there is newer, so it begins with the oldest; ``is_lost`` is true then.
    """

    def __init__(self, path: str, place: Place | None) -> None:
        self._path = path
        found = open_from(path, place) if place else None
        self.is_lost = place is not None and found is None
        self._logs = found if found is not None else open_all(path)
        if place is None and self._logs:
            close_all(self._logs[:-1])
            self._logs = self._logs[-1:]
        self._offset = place.offset if place and found else 0

    @property
    def place(self) -> Place | None:
        """The place behind the last line that was read; None where there is no log yet."""
        return make_place(self._logs[0], self._offset) if self._logs else None

    def close(self) -> None:
        """Close the files."""
        close_all(self._logs)
        self._logs = []

    def read(self) -> list[str]:
        """Return the next whole lines; none where nothing new is there."""
        while self._logs:
            lines = self._read_file()
            if lines or not self._is_over():
                return lines
            lines = self._read_file()  # what was written before it was put aside
            if lines:
                return lines
            self._take_next()
        self._logs = open_all(self._path)[-1:]
        return []

    def _read_file(self) -> list[str]:
        """Return the next whole lines of the oldest open file; a line that is too long is left out."""
        log = self._logs[0]
        self._offset = min(
            self._offset, os.fstat(log).st_size
        )  # a writer took back what had no room
        while True:
            block = os.pread(log, AT_ONCE, self._offset)
            end = block.rfind(b"\n") + 1
            if not end and len(block) > LONGEST:
                self._offset += len(block)
                continue
            self._offset += end
            lines = block[:end].decode("ascii", "replace").split("\n")
            return [line for line in lines if 0 < len(line) <= LONGEST]

    def _is_over(self) -> bool:
        """Return whether nobody writes to the file any more: a newer one has its name."""
        if len(self._logs) > 1:
            return True
        try:
            current = os.lstat(self._path)
        except FileNotFoundError:  # for a moment, while it is rotated
            return False
        if os.path.samestat(current, os.fstat(self._logs[0])):
            return False
        wait_for_writers(self._logs[0])
        return True

    def _take_next(self) -> None:
        """Go on with the file that followed."""
        if len(self._logs) == 1:
            place = make_place(self._logs[0], self._offset)
            newer = open_all(self._path)
            own = [number for number, log in enumerate(newer) if is_place_in(place, log)]
            first = own[0] + 1 if own else 0
            close_all(newer[:first])
            self._logs += newer[first:]
        os.close(self._logs.pop(0))
        self._offset = 0
