"""The state of the service banstitch-rules: whether it runs, how far it is, and its alarms.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import os

from banstitch_shared.alarm_file import Alarms, read_alarms

# Seconds after which the service counts as down or as late. It renews both signs every few seconds.
LATE = 30


class Rules:
    """The files that the service leaves in its folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def describe_error(self, now: float) -> str:
        """Return that the service is down, or an empty string."""
        if self._measure_age("alive", now) <= LATE:
            return ""
        return "banstitch-rules does not run, so nobody new is banned: start it"

    def describe_lag(self, now: float) -> str:
        """Return that events wait longer than they should, or an empty string."""
        lag = self.measure_lag(now)
        return "" if lag <= LATE else "events wait: banstitch-rules is %d s behind" % lag

    def measure_lag(self, now: float) -> float:
        """Return for how many seconds events may have waited; 0 where the service is down."""
        if self.describe_error(now):
            return 0
        return max(0.0, min(self._measure_age("current", now), 1e9))

    def read_alarms(self, now: float) -> Alarms:
        """Return its alarms, and the users under attack."""
        return read_alarms(self._folder, now)

    def _measure_age(self, name: str, now: float) -> float:
        try:
            return now - os.stat(os.path.join(self._folder, name), follow_symlinks=False).st_mtime
        except OSError:
            return float("inf")
