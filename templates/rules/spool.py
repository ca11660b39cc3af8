"""Write requests into the spool, where root alone reads and carries them out: see ``requests.py``.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json

from banstitch_shared.request_file import write_request

from rules.shielding import Turn
from rules.step import Alarm, Pardon

# Requests of a minute. An attacker who has passwords, or a clock that jumps, causes no more.
MOST = 60
MINUTE = 60.0
LONGEST_USER = 64


class Spool:
    """The folder of requests. This service creates files in it, and cannot list them."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._since, self._count = 0.0, 0

    def ask(self, outcome: Pardon | Alarm, now: float) -> None:
        """Write a request, unless there were enough within a minute. Raises OSError."""
        if not 0 <= now - self._since < MINUTE:
            self._since, self._count = now, 0
        self._count += 1
        if self._count > MOST:
            return
        request = {
            "do": "alarm" if isinstance(outcome, Alarm) else "pardon",
            "at": outcome.at,
            "address": outcome.source,
            "user": outcome.user[:LONGEST_USER].encode("utf-8", "replace").hex(),
            "failures": outcome.failures if isinstance(outcome, Alarm) else 0,
        }
        write_request(self._path, json.dumps(request), now)

    def note(self, turn: Turn, now: float) -> None:
        """Ask for an entry of the audit about the shield. Raises OSError."""
        request = {"do": "shield", **turn._asdict()}
        write_request(self._path, json.dumps(request), now)
