"""Limit what fail2ban itself writes about our jails: lines of its log, rows of its database.

Managed by Banstitch: changes made here are overwritten. Loaded by banstitch.py beside it.

fail2ban logs each event and each ban, and keeps a row a ban for a day; the distribution rotates the log
once a week. In a week of attack both would fill a disk. Of the log, only lines that begin with the name
of our jail are counted, and warnings and errors always pass; of the database, only rows of our jail.
Both are known otherwise: the events from the event log, the bans from the audit.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple


# Lines at once, and a second from then on: 130,000 a week of bans, 65,000 of events.
class Rate(NamedTuple):
    """Lines at once, and a second from then on."""

    burst: int
    per_second: float


RATES = {logging.INFO + 5: Rate(10000, 0.2), logging.INFO: Rate(5000, 0.1)}
# Seconds between two log lines about omitted lines, and between two deletions of old rows.
SAY = 3600.0
TRIM = 60.0
# Our rows stay while they are among so many newest rows of fail2ban's database, which needs them only to
# report earlier matches.
MOST_ROWS = 100000
# Who logs an event, a ban, a longer ban (fail2ban 0.11 to 1.1).
LOGGERS = ("fail2ban.filter", "fail2ban.actions", "fail2ban.observer")


class Bounds:
    """For one jail: between ``start`` and ``stop`` its lines are counted; ``trim`` is called now and then."""

    def __init__(
        self, jail: Any, log: logging.Logger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._jail = jail
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        now = clock()
        self._left: dict[int, tuple[float, float]] = {
            level: (rate.burst, now) for level, rate in RATES.items()
        }
        self._left_out = 0
        self._said = self._trimmed = now

    def start(self) -> None:
        """Begin to count lines."""
        for name in LOGGERS:
            logging.getLogger(name).addFilter(self.passes)

    def stop(self) -> None:
        """Let all lines pass again."""
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(self.passes)

    def passes(self, record: logging.LogRecord) -> bool:
        """Return whether a line may be written."""
        level = next((level for level in RATES if level <= record.levelno), None)
        if level is None or record.levelno >= logging.WARNING:
            return True
        try:
            ours = record.getMessage().startswith("[%s] " % self._jail.name)
        except (TypeError, ValueError):
            ours = False
        if not ours:
            return True
        now = self._clock()
        with self._lock:
            passes = self._take(level, now)
            self._left_out += not passes
            left_out = self._left_out if self._left_out and now >= self._said + SAY else 0
            if left_out:
                self._said, self._left_out = now, 0
        if left_out:
            self._log.info("[%s] %d lines like these were left out", self._jail.name, left_out)
        return passes

    def _take(self, level: int, now: float) -> bool:
        rate, (left, at) = RATES[level], self._left[level]
        left = min(rate.burst, left + (now - at) * rate.per_second)
        self._left[level] = (max(0, left - 1), now)
        return left >= 1

    def trim(self) -> None:
        """Drop the oldest rows of our jail. fail2ban waits meanwhile, so a locked database is left alone."""
        now, path = self._clock(), getattr(self._jail.database, "filename", "")
        if now < self._trimmed + TRIM or not os.path.isfile(path):
            return
        self._trimmed = now
        try:
            connection = sqlite3.connect(path, timeout=0.5)
            try:
                with connection:
                    oldest = "(SELECT max(rowid) FROM bans) - ?"
                    query = "DELETE FROM bans WHERE jail = ? AND rowid <= " + oldest
                    connection.execute(query, (self._jail.name, MOST_ROWS))
            finally:
                connection.close()
        except sqlite3.Error as error:
            self._log.warning("cannot trim fail2ban's database: %s", error)
