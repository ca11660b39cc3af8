"""The file of sources from which people logged in lately: no peer can ban them, and they are not
reported to AbuseIPDB.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import os

from banstitch_shared.service import replace_file

from rules.settings import Settings
from rules.state import State

NAME = "trusted"
# Seconds between two files, and after which those whose trust ended are left out.
PAUSE, REFRESHED = 2.0, 3600.0


class TrustedFile:
    """The file, which is written where the site shares bans or reports them."""

    def __init__(self, folder: str, settings: Settings) -> None:
        self._path = os.path.join(folder, NAME)
        self._settings = settings
        # the source that was touched last, with its time; and how many there are
        self._written: tuple[object, int] | None = None
        self._at = 0.0

    def write(self, state: State, now: float) -> None:
        """Write the sources if somebody logged in. Raises OSError."""
        since = now - self._at
        if not self._settings.shares or 0 <= since < PAUSE:
            return
        last = next(reversed(state.trusted), None)
        latest = (last, state.trusted.get(last or "")), len(state.trusted)
        if latest == self._written and 0 <= since < REFRESHED:
            return
        oldest = now - self._settings.trust_time
        sources = [source for source, at in state.trusted.items() if at > oldest]
        replace_file(self._path, "".join(source + "\n" for source in sorted(sources)), 0o640)
        self._written, self._at = latest, now
