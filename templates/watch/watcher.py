"""The last good answer of each name and URL, and the file that keeps it.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import http.client
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Optional

from banstitch_shared.looked_up import (
    LONGEST,
    MOST,
    Source,
    format_sources,
    list_networks,
    read_sources,
)
from banstitch_shared.service import replace_file

from watch.answers import Answer, look_up

# Seconds between two writes if only the times of the answers changed.
REFRESHED = 600.0

log = logging.getLogger("banstitch-watch")

LookUp = Callable[[str, str], Optional[Answer]]


class Watcher:
    """The last good answers. Several threads may use it."""

    def __init__(
        self,
        path: str,
        names: Sequence[str],
        look_up: LookUp = look_up,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path, self._look_up, self._clock = path, look_up, clock
        self._lock = threading.Lock()
        try:
            known = read_sources(path)
        except (OSError, ValueError) as error:
            log.error("%s cannot be read, so all is looked up anew: %s", path, error)
            known = {}
        self._sources = {name: known.get(name, Source()) for name in names}
        self._written_at, self._is_changed = 0.0, True

    def ask(self, name: str) -> None:
        """Look up a name or a URL."""
        try:
            answer = self._look_up(name, self._sources[name].tag)
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._refuse(name, reason or type(error).__name__)
            return
        with self._lock:
            known = self._sources[name]
            if answer is None:
                answer = Answer(known.networks, (), known.tag)
            others = list_networks({**self._sources, name: Source()})
        if len(others) + len(answer.networks) > MOST:
            self._refuse(name, "all names and URLs together hold more than %d networks" % MOST)
            return
        self._take(name, answer)

    def _take(self, name: str, answer: Answer) -> None:
        with self._lock:
            known = self._sources[name]
            if set(answer.networks) != set(known.networks):
                _log_change(name, answer)
            elif known.error:
                log.warning("%s answers again", name)
            self._sources[name] = Source(answer.networks, self._clock(), "", answer.tag)
            self._is_changed |= self._sources[name]._replace(at=known.at) != known

    def _refuse(self, name: str, why: str) -> None:
        why = why[:LONGEST]
        with self._lock:
            known = self._sources[name]
            if known.error != why:
                kept = "so the last answer counts" if known.at else "so it spares nobody yet"
                log.error("%s cannot be looked up, %s: %s", name, kept, why)
                self._sources[name] = known._replace(error=why)
                self._is_changed = True

    def write(self) -> None:
        """Write the file if something is new. Raises OSError."""
        now = self._clock()
        with self._lock:
            if not self._is_changed and 0 <= now - self._written_at < REFRESHED:
                return
            text = format_sources(self._sources)
            self._is_changed = False
        try:
            replace_file(self._path, text, 0o640)
        except OSError:
            self._is_changed = True
            raise
        self._written_at = now


def _log_change(name: str, answer: Answer) -> None:
    some = ", ".join(answer.networks[:10])
    more = " and %d more" % (len(answer.networks) - 10) if len(answer.networks) > 10 else ""
    log.warning("%s now stands for %s%s", name, some, more)
    if answer.left_out:
        log.warning(
            "%s: %d left out: %s", name, len(answer.left_out), ", ".join(answer.left_out[:10])
        )
