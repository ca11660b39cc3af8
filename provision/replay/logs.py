"""Read log lines of FortiGates from files, in each of the forms in which operators have them.

- a syslog file, with or without a priority and a header of the syslog server
- the output of ``execute log display``, and the file that FortiOS offers as a disk log download
- JSON lines ``{"at": EPOCH, "fortigate": NAME, "line": RAW}``; ``at`` and ``fortigate`` may be left out
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from provision.errors import InputError, Problem

# What a syslog server writes before FortiOS's own first field; only its structured data, in brackets, holds
# "=" or a quote.
_SYSLOG = re.compile(
    r"(?:[^=\"\[]|\[[^\]]{0,500}\]){0,200}?(?=\b(?:date|timestamp|eventtime|logid|devname)=)"
)
# What nearly all lines begin with: there is nothing to cut off.
_FIRST_FIELDS = ("date=", "banstitch ")
_EVENT_TIME = re.compile(r"\beventtime=\"?(\d{10,19})\b")
_DATE = re.compile(r"\bdate=\"?(\d{4}-\d\d-\d\d)\"? +time=\"?([01]\d|2[0-3]):([0-5]\d):([0-5]\d)")
_ZONE = re.compile(r"\btz=\"?([+-]\d{4})\b")
# No clock shows a later time, in epoch seconds.
_LATEST = 1e11
# What `execute log display` prints above the lines.
_ABOVE_ENDS = (" found.", " returned.", " searched.")
_ABOVE = re.compile(r"[\d.]+%? (?:of )?logs (?:found|returned|has been searched)\.$")
_DEVICE = re.compile(r"\bdevname=(?:\"([^\"]*)\"|(\S+))")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log. ``at``: epoch seconds; ``fortigate``: the name that it gives, or empty."""

    at: float
    fortigate: str
    text: str


class NotALogLine(ValueError):
    """A line that names no time, or is not of a known form."""


class LogFiles:
    """The lines of all files, without empty ones and what FortiOS prints above a list of lines.

    ``-`` is standard input, ``*.gz`` is unpacked. ``name`` and ``number``: the place of the last line.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = names
        self.name, self.number = "", 0

    def __iter__(self) -> Iterator[str]:
        """Yield the lines.

        Raises:
            InputError: a file cannot be read.
        """
        for name in self._names:
            self.name = name
            try:
                with _open(name) as file:
                    for self.number, line in enumerate(_decode(file), 1):
                        text = line.strip()
                        if text and not (text.endswith(_ABOVE_ENDS) and _ABOVE.match(text)):
                            yield text
            except (OSError, EOFError, zlib.error) as error:
                reason = getattr(error, "strerror", None) or str(error)
                what = f"cannot be read: {reason}"
                remedy = "give a file of log lines"
                raise InputError([Problem(name, 0, what, remedy)]) from None


def _open(name: str) -> Any:
    if name == "-":
        return open(sys.stdin.fileno(), "rb", closefd=False)
    return gzip.open(name) if name.endswith(".gz") else Path(name).open("rb")


def _decode(file: Any) -> TextIO:
    """Return the text of a file: UTF-8, or UTF-16 as Windows writes it. No byte makes it unreadable."""
    is_utf16 = file.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return io.TextIOWrapper(file, "utf-16" if is_utf16 else "utf-8", errors="replace")


def assign_lines(
    files: LogFiles, fortigates: Mapping[str, Collection[str]]
) -> dict[str, Iterable[str]]:
    """Return the lines of each site. ``fortigates``: the names of each site's FortiGates, by site.

    If only one site is chosen, all lines are its own, whatever FortiGate they name. Lines that cannot be
    read go to the first site, which counts them.

    Raises:
        InputError: a line names no FortiGate of the sites, or none at all.
    """
    if len(fortigates) == 1:
        return dict.fromkeys(fortigates, files)
    sites = {name: site for site, names in fortigates.items() for name in names}
    assigned: dict[str, list[str]] = {site: [] for site in fortigates}
    for text in files:
        try:
            name = read_log_line(text).fortigate
        except NotALogLine:
            next(iter(assigned.values())).append(text)
            continue
        if name not in sites:
            what = f"{name}, which no chosen site has" if name else "no FortiGate"
            remedy = "choose one site with -l, or correct the name"
            problem = Problem(files.name, files.number, f"the line names {what}", remedy)
            raise InputError([problem])
        assigned[sites[name]].append(text)
    return dict[str, Iterable[str]](assigned)


def read_log_line(text: str) -> LogLine:
    """Parse one line of any form.

    Raises:
        NotALogLine: it is JSON without a ``line``, or names no time.
    """
    at, fortigate = None, ""
    if text.startswith("{"):
        at, fortigate, text = _read_json(text)
    if not text.startswith(_FIRST_FIELDS):
        before = _SYSLOG.match(text)
        text = text[before.end() :] if before else text
    # Nobody can type the part before the first user name.
    head = text.partition(" user=")[0]
    if at is None:
        at = _find_time(head)
    if not 0 <= at < _LATEST:
        raise NotALogLine("has a time that does not exist")
    if not fortigate:
        device = _DEVICE.search(head)
        fortigate = (device[1] or device[2] or "").strip() if device else ""
    return LogLine(at, sys.intern(fortigate), text)


def _read_json(text: str) -> tuple[float | None, str, str]:
    try:
        document = json.loads(text)
        at, line = document.get("at"), document["line"]
        name = document.get("fortigate") or ""
    except (ValueError, KeyError, AttributeError, RecursionError):
        raise NotALogLine('the line is not JSON with a "line"') from None
    if not isinstance(line, str) or not isinstance(name, str):
        raise NotALogLine('"line" and "fortigate" must be strings')
    if at is not None and (isinstance(at, bool) or not isinstance(at, (int, float))):
        raise NotALogLine('"at" must be epoch seconds')
    return at, name, line


def _find_time(head: str) -> float:
    # the expression is slow where it finds nothing
    event_time = _EVENT_TIME.search(head) if "eventtime=" in head else None
    if event_time:
        # seconds, and since FortiOS 6.2 nanoseconds
        return int(event_time[1]) / 10.0 ** (len(event_time[1]) - 10)
    date, zone = _DATE.search(head), _ZONE.search(head)
    if date is None:
        raise NotALogLine("the line names no time")
    day, hours, minutes, seconds = date.groups()
    midnight = _find_midnight(day, zone[1] if zone else "+0000")
    return midnight + int(hours) * 3600 + int(minutes) * 60 + int(seconds)


@lru_cache(maxsize=1024)
def _find_midnight(day: str, zone: str) -> float:
    """Return when a day begins: a log has few days and many lines."""
    try:
        return datetime.strptime(f"{day} {zone}", "%Y-%m-%d %z").timestamp()
    except ValueError:
        raise NotALogLine("the line names no time") from None
