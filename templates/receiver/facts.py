"""Write the facts that the service banstitch-watch judges: see banstitch_shared/facts_file.py.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from banstitch_shared.facts_file import PAUSE, FortiGateFacts, ReceiverFacts, format_facts
from banstitch_shared.number_names import (
    LAST_EVENT,
    LAST_POLL,
    LIMITED,
    REFUSED_ADDRESS,
    REFUSED_TOKEN,
    STARTED,
    name_number,
)

from receiver import clocks
from receiver.numbers import FACTS

if TYPE_CHECKING:
    from receiver.state import State

log = logging.getLogger("banstitch")


def keep_facts(state: State, sleep: Callable[[float], object]) -> None:
    """Write the facts again and again. Of all workers, one writes at a time."""
    while True:
        now = time.time()
        if state.counts.take_token(FACTS, 1 / PAUSE, 1, now):
            try:
                write_facts(state, now)
            except OSError as error:
                log.error("cannot write facts for banstitch-watch: %s", error)
        sleep(PAUSE / 2)


def write_facts(state: State, now: float) -> None:
    """Replace the file. Raises OSError. It lies in memory, so nothing waits for a disk."""
    path = state.config["facts"]
    new = "%s.%d" % (path, os.getpid())
    with open(new, "w", encoding="ascii") as stream:
        stream.write(format_facts(collect_facts(state, now)))
    os.replace(new, path)


def collect_facts(state: State, now: float) -> ReceiverFacts:
    """Return what the receiver knows now."""
    counts, unreadable = state.counts, state.count_unreadable(now)
    return ReceiverFacts(
        at=now,
        started=counts[STARTED],
        errors=state.find_errors(),
        fortigates={
            name: FortiGateFacts(
                counts[name_number(LAST_EVENT, name)],
                counts[name_number(LAST_POLL, name)],
                unreadable[name],
                counts[name_number(LIMITED, name)],
                counts[name_number(clocks.AHEAD, name)],
            )
            for name in state.config["fortigates"]
        },
        refused={why: counts[why] for why in (REFUSED_ADDRESS, REFUSED_TOKEN)},
        banned=state.bans.count_banned(now),
        bans_refused={name: float(n) for name, n in state.bans.count_refused(now).items()},
        left_out=state.feed.left_out,
        room=measure_room((state.config["events_log"], os.path.join(state.bans.folder, ""))),
    )


def measure_room(paths: tuple[str, ...]) -> dict[str, float]:
    """Return the free part of the disk of each file."""
    found = {}
    for folder in map(os.path.dirname, paths):
        try:
            about = os.statvfs(folder)
        except OSError:
            continue
        found[folder] = about.f_bavail / about.f_blocks if about.f_blocks else 1.0
    return found
