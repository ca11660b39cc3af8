"""Write checkpoints now and then: a large state seldom, and in a child process, so that bans do not wait.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable

from rules.checkpoint import Checkpoint, write_checkpoint

# Seconds between two checkpoints, and at least so many times as many as the last one took.
PAUSE, SHARE = 60.0, 20.0
# A checkpoint that takes more seconds is written by a child process.
LONG = 0.1

log = logging.getLogger("banstitch-rules")


class Saver:
    """Keeps the checkpoint at ``path``.

    ``make`` returns the checkpoint of this moment, or None if there can be none now.
    """

    def __init__(
        self,
        path: str,
        make: Callable[[], Checkpoint | None],
        clock: Callable[[], float],
    ) -> None:
        self._path, self._make, self._clock = path, make, clock
        self._is_changed = False
        self._saved_at, self._pause, self._took = clock(), PAUSE, 0.0
        # the process that writes a checkpoint
        self._child: int | None = None

    def note_change(self) -> None:
        """Note that the last checkpoint is not that of this moment any more."""
        self._is_changed = True

    def save_if_due(self, now: float) -> None:
        """Write the checkpoint if something changed and the last one is old enough."""
        if not self._is_changed or 0 <= now - self._saved_at < self._pause:
            return
        if self._took < LONG:
            self.save()
        elif self._child is None or os.waitpid(self._child, os.WNOHANG)[0]:
            self._save_aside(now)

    def _save_aside(self, now: float) -> None:
        self._child = os.fork()
        if not self._child:
            try:
                self._child = None
                self.save()
            finally:
                os._exit(0)
        self._saved_at, self._is_changed = now, False

    def save(self) -> None:
        """Write the checkpoint after that of a child; if that fails, try again later."""
        if self._child is not None:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._child, 0)
            self._child = None
        began, checkpoint = time.monotonic(), self._make()
        if checkpoint is None:
            return
        self._saved_at = self._clock()
        try:
            write_checkpoint(self._path, checkpoint)
            self._is_changed = False
        except OSError as error:
            log.error("cannot write the checkpoint: %s", error)
        self._took = time.monotonic() - began
        self._pause = max(PAUSE, SHARE * self._took)
