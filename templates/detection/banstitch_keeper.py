"""The thread of a jail that writes its bans and its audit, and maintains them while fail2ban waits.

Managed by Banstitch: changes made here are overwritten. Loaded by banstitch.py beside it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from banstitch_audit import Audit
    from banstitch_logs import Logs
    from banstitch_shared.ban_file import Ban
    from banstitch_spool import BansFile, SignOfLife

# A burst of bans costs one write in this many seconds; the first of a burst is written at once.
PAUSE = 0.2
# Seconds between two checks of the bans at most, even if a slow disk takes longer.
MOST_PAUSE = 10.0
# Seconds until the next attempt after a failed write (full disk).
RETRY = 1.0
# Seconds between two checks of the bans if nothing changes.
TICK = 1.0
# Seconds to write the audit at a stop, while other jails write it as well.
LAST = 3.0


class Keeper:
    """Between ``start`` and ``stop`` it calls ``look_over`` with the time, and writes once it was woken.

    ``bans`` gives what is to be in ``file``. ``alive`` and ``audit`` are written as well, and the
    receiver's ``logs`` are rotated.
    """

    def __init__(
        self,
        file: BansFile,
        bans: Callable[[], dict[str, Ban]],
        alive: SignOfLife,
        audit: Audit,
        logs: Logs,
        look_over: Callable[[float], None],
        log: logging.Logger,
    ) -> None:
        self._file = file
        self._bans = bans
        self._alive = alive
        self._audit = audit
        self._logs = logs
        self._look_over = look_over
        self._log = log
        self._errors: dict[str, OSError] = {}
        self._writing = threading.Lock()
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._changed.set()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; return when all waiting data is written or cannot be written."""
        self._stopping.set()
        self._changed.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def wake(self) -> None:
        """Have the bans written soon: something changed."""
        self._changed.set()

    def write_now(self) -> bool:
        """Write the bans, and the audit if possible, and return whether the bans are on disk.

        If they are not, the keeper tries again.
        """
        self._changed.clear()
        with self._writing:
            written = self._attempt(self._write)
        if not written:
            self._changed.set()
        self._attempt(self._audit.write)
        return written

    @property
    def hindrance(self) -> str:
        """The reason why the bans are not on disk."""
        error = self._errors.get("_write")
        return (error.strerror if error else "") or "cannot write"

    def _keep(self) -> None:
        while True:
            self._changed.wait(TICK)
            stopping = self._stopping.is_set()
            self._attempt(self._alive.give)
            self._attempt(self._logs.tend)
            try:
                if not stopping:
                    self._look_over(time.time())
            except Exception:  # the file must go on being written
                self._log.exception("cannot check the bans")
            began = time.monotonic()
            written = not self._changed.is_set() or self.write_now()
            self._attempt(self._audit.write)
            if stopping:
                self._write_audit_at_last()
                return
            # many bans take long to write and are written less often
            pause = min(max(PAUSE, 4 * (time.monotonic() - began)), MOST_PAUSE)
            self._stopping.wait(pause if written else RETRY)

    def _write_audit_at_last(self) -> None:
        """Write the rest of the audit. Jails that stop together write one after another."""
        until = time.monotonic() + LAST
        while self._audit.waits and time.monotonic() < until and self._attempt(self._audit.write):
            time.sleep(0.02)

    def _write(self) -> None:
        self._file.write(self._bans())

    def _attempt(self, write: Callable[[], None]) -> bool:
        """Return whether it could be written. A persistent error is logged once."""
        try:
            write()
        except OSError as error:
            if str(self._errors.get(write.__name__)) != str(error):
                self._log.error("cannot write: %s", error)
            self._errors[write.__name__] = error
            return False
        self._errors.pop(write.__name__, None)
        return True
