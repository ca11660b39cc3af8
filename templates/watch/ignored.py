"""The part that looks up the names and URLs of the ignore list.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from banstitch_shared.looked_up import NAME

from watch.answers import is_url
from watch.jobs import Job, Part
from watch.watcher import Watcher

# Seconds between two looks at a name, and at a URL.
NAME_PAUSE, URL_PAUSE = 60.0, 600.0


def build_part(names: Sequence[str], memory: str) -> Part:
    """Return the part for these names and URLs; their answers are kept in the folder ``memory``."""
    watcher = Watcher(os.path.join(memory, NAME), names)
    jobs = [
        Job(
            "look up " + name, partial(watcher.ask, name), URL_PAUSE if is_url(name) else NAME_PAUSE
        )
        for name in names
    ]
    return Part(jobs, watcher.write)
