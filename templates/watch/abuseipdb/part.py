"""The part that reports new bans of this site to AbuseIPDB.

A report holds the address, the time, categories and a fixed comment: nothing of the site, of its FortiGates
or of what anybody typed.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import http.client
import json
import logging
import time
from collections.abc import Callable
from urllib.parse import urlencode

from banstitch_shared.service import read_uptime

from watch.abuseipdb import queue
from watch.abuseipdb.bans import Bans, Spared
from watch.abuseipdb.memory import read_state, write_state
from watch.abuseipdb.queue import Report, State
from watch.alarms.part import SECRETS
from watch.alarms.texts import clean
from watch.jobs import Job, Part
from watch.outgoing import Outgoing, Refused, Way, describe, send
from watch.settings import ReportSettings

URL = "https://api.abuseipdb.com/api/v2/report"
COMMENT = (
    "Failed logins to a firewall or its VPN by TCP, found in its logs. Reported automatically."
)
# The name of the key among the secrets.
KEY = "abuseipdb key"
# Seconds between two looks, and between two lines about what was dropped; requests of one look.
PAUSE, QUIET = 10.0, 600.0
AT_ONCE = 5
_TOO_MANY = 429
# What the server answers about one report, such as one that somebody with the same key sent before.
_ABOUT_ONE = (400, 403, 409, 422, _TOO_MANY)

log = logging.getLogger("banstitch-watch")
FAILURES = (OSError, ValueError, Refused, http.client.HTTPException)


class Reporter:
    """Reports the bans of one site."""

    def __init__(
        self,
        settings: ReportSettings,
        key: str,
        folder: str,
        url: str = URL,
        clock: Callable[[], float] = time.time,
        uptime: Callable[[], float] = read_uptime,
    ) -> None:
        self._jails, self._limit = settings["jails"], settings["limit"]
        self._way = Way(settings["ca"], settings["proxy"])
        self._key, self._folder, self._url = key, folder, url
        self._clock, self._uptime = clock, uptime
        spool = settings["spool"]
        self._bans = Bans(spool, self._jails)
        self._spared = Spared(spool, settings["never"], settings["trusted"], settings["looked_up"])
        self._state = read_state(folder, clock())
        self._written: State | None = None
        self._hindrance, self._is_new = "", True
        self._dropped, self._noted_at = 0, float("-inf")

    def look(self) -> None:
        """Queue the new bans, and report those whose time has come. Raises OSError."""
        now = self._clock()
        self._state = queue.note_clock(self._state, now, self._uptime(), self._is_new)
        self._is_new = False
        try:
            self._spared.look(now)
            live = [
                each
                for each in self._bans.list_latest(now)
                if not self._spared.is_spared(each.address)
            ]
        except (OSError, ValueError) as error:
            self._note_hindrance(describe(error))
            return
        self._note_hindrance("")
        self._state, dropped = queue.put(self._state, live, now)
        self._note_dropped(dropped, now)
        for _ in range(AT_ONCE):
            self._state, report = queue.take(self._state, self._limit, self._clock())
            if report is None:
                break
            # before it goes out: a restart must not send it again
            self._write()
            self._send(report)
        self._write()

    def _send(self, report: Report) -> None:
        try:
            send(self._make_request(report), self._way)
        except FAILURES as error:
            self._take_failure(report, error)
            return
        self._note_answered()

    def _make_request(self, report: Report) -> Outgoing:
        """Return the request, with nothing but what this function names."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(report.since))
        categories = ",".join(map(str, self._jails[report.jail]))
        fields = {
            "ip": report.address,
            "categories": categories,
            "comment": COMMENT,
            "timestamp": at,
        }
        headers = {
            "Key": self._key,
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return Outgoing("POST", self._url, headers, urlencode(fields).encode("ascii"))

    def _take_failure(self, report: Report, error: Exception) -> None:
        now, what = self._clock(), clean(describe(error).replace(self._key, "********"))
        status = error.status if isinstance(error, Refused) else 0
        wait = error.wait if isinstance(error, Refused) else 0.0
        if status == _TOO_MANY and wait:
            self._state = queue.note_limited(self._state, wait, report, now)
            pause = max(0.0, self._state.not_before - now)
            log.warning("AbuseIPDB takes no reports for the next %d seconds: %s", pause, what)
        elif status in _ABOUT_ONE:
            log.warning("AbuseIPDB refuses the report of %s: %s", report.address, what)
            self._state = queue.note_refused(self._state, now)
        else:
            if not self._state.failing:
                log.error("bans cannot be reported to AbuseIPDB: %s", what)
            # an alarm goes to others, so it does not hold what the server wrote
            why = "the server answers %d" % status if status else what
            self._state = queue.note_failed(self._state, why, report, now)

    def _note_answered(self) -> None:
        if self._state.failing:
            log.warning("AbuseIPDB takes reports again")
        self._state = queue.note_taken(self._state)

    def _note_hindrance(self, why: str) -> None:
        if why and why != self._hindrance:
            log.error("no ban is reported to AbuseIPDB meanwhile: %s", clean(why))
        self._hindrance = why

    def _note_dropped(self, number: int, now: float) -> None:
        self._dropped += number
        if self._dropped and not 0 <= now - self._noted_at < QUIET:
            log.warning("reports to AbuseIPDB dropped, too many or over a limit: %d", self._dropped)
            self._dropped, self._noted_at = 0, now

    def _write(self) -> None:
        """Write the state if it changed. Raises OSError."""
        if self._state != self._written:
            write_state(self._folder, self._state)
            self._written = self._state


def build_part(settings: ReportSettings, memory: str) -> Part:
    """Return the part; its file is kept in the folder ``memory``."""
    with open(SECRETS, encoding="utf-8") as stream:
        key = json.load(stream)[KEY]
    reporter = Reporter(settings, key, memory)
    return Part([Job("report bans to AbuseIPDB", reporter.look, PAUSE)], lambda: None)
