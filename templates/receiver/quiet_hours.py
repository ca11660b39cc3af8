"""The quiet hours of the site: outside them, the feed leaves out bans of autonomous systems.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import os

from banstitch_shared import quiet_hours
from banstitch_shared.signatures import Signature, read_signature


class QuietHours:
    """The file that banstitch-rules leaves in its folder, read again when it changed."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._seen: Signature | None = None
        self._hours = ""

    def are_now(self, now: float) -> bool:
        """Return whether bans of autonomous systems count now."""
        seen = read_signature(os.path.join(self._folder, quiet_hours.NAME))
        if seen != self._seen:
            self._hours, self._seen = quiet_hours.read_quiet_hours(self._folder), seen
        return quiet_hours.is_quiet(self._hours, now)
