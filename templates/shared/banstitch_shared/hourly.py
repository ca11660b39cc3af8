"""Remember what was done within the last hour, in a file of root's: its limits hold over restarts.

    {"boot": ID, "acts": [[SECONDS, WHO], ...]}

SECONDS count from the boot, so a clock that is set changes nothing; another boot begins a new hour.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import json
from typing import NamedTuple

from banstitch_shared.service import read_boot, read_uptime

HOUR = 3600.0


class Done(NamedTuple):
    """Something that was done, with the seconds since the boot and its author."""

    at: float
    by: str


def read_last_hour(path: str) -> list[Done]:
    """Return what was done within the last hour; nothing if the file is missing, damaged or of another boot.

    Raises:
        OSError: the id of this boot cannot be read.
    """
    boot, now = read_boot(), read_uptime()
    with contextlib.suppress(OSError, ValueError, TypeError, LookupError), open(path) as stream:
        found = json.load(stream)
        if found["boot"] == boot:
            acts = [Done(float(at), str(by)) for at, by in found["acts"]]
            return [done for done in acts if now - HOUR < done.at <= now]
    return []


def format_one_more(done: list[Done], by: str) -> str:
    """Return the text of the file after another act, which is done now. Raises OSError."""
    return json.dumps({"boot": read_boot(), "acts": [*done, Done(read_uptime(), by)]})
