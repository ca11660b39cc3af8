"""The status page for people: one look, without a script, readable on a phone.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from banstitch_shared.alarm_file import Alarms
from banstitch_shared.audit_file import NewestLines
from banstitch_shared.ban_file import FOREVER
from banstitch_shared.jails import describe_jail
from banstitch_shared.number_names import (
    EVENTS,
    LAST_EVENT,
    LAST_POLL,
    LIMITED,
    MALFORMED,
    REFUSED_ADDRESS,
    REFUSED_TOKEN,
    STARTED,
    name_by_detection,
    name_number,
)
from banstitch_shared.times import DAY, format_age, format_minute, format_second, format_span

from receiver.files import Unavailable
from receiver.numbers import list_endings
from receiver.pages import load_templates

if TYPE_CHECKING:
    import jinja2

    from receiver.state import State

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# A FortiGate polls at least every few minutes. Seconds after which its silence is worth a warning.
SILENT = 3600
# Rows of bans on a page, days of its picture, and bytes of the audit that the picture is drawn from.
MOST_ROWS = 500
DAYS = 14
TAIL = 32 << 20
# The beginning of a ban's line in the audit, which no text that an attacker typed can be.
BAN = re.compile(rb'\{"at": ([0-9]{1,12}(?:\.[0-9]+)?), "what": "ban"')


@lru_cache(maxsize=1)
def load_template() -> jinja2.Template:
    """Return the template of the page, which lies beside this module."""
    return load_templates(__file__).get_template("status.html")


def render_page(state: State, now: float) -> str:
    """Return the whole page; ``now`` in epoch seconds."""
    errors, known = state.list_all_errors(), state.rules.read_alarms(now)
    return load_template().render(
        errors=errors,
        shield=state.shield.find(now),
        messages=[*errors, *state.list_losses(), *state.list_warnings()],
        alarms=list_alarms(known, now),
        attacked=list_attacked(known, now),
        fortigates=list_fortigates(state, now),
        **list_bans(state, now),
        **draw_days(*count_bans_by_day(state.config["audit_log"]), now),
        **list_events(state),
        now=format_second(now),
    )


def list_alarms(known: Alarms, now: float) -> list[dict[str, object]]:
    """Return a row for each login after many failures, the newest first."""
    return [
        {**alarm._asdict(), "age": format_age(alarm.at, now)} for alarm in reversed(known.alarms)
    ]


def list_attacked(known: Alarms, now: float) -> list[dict[str, object]]:
    """Return a row for each user under attack."""
    return [{**each._asdict(), "left": format_span(each.until - now)} for each in known.attacked]


def list_fortigates(state: State, now: float) -> list[dict[str, object]]:
    """Return a row for each FortiGate: its last event and poll, and whether it is silent."""
    rows: list[dict[str, object]] = []
    for name in state.config["fortigates"]:
        event, poll = (state.counts[name_number(what, name)] for what in (LAST_EVENT, LAST_POLL))
        is_silent = now - max(poll, state.counts[STARTED]) > SILENT
        rows.append(
            {
                "name": name,
                "event": format_age(event, now),
                "poll": format_age(poll, now),
                "is_silent": is_silent,
            }
        )
    return rows


def list_bans(state: State, now: float) -> dict[str, object]:
    """Return the live bans, the newest first, or why they are not known."""
    try:
        _, jails = state.bans.read()
    except Unavailable as error:
        return {"bans_error": str(error), "bans_total": 0, "bans": []}
    live = [(ban, jail) for jail, bans in jails.items() for ban in bans if ban.until > now]
    live.sort(key=lambda row: (-row[0].since, row[0].address))
    rows = [
        {
            "address": ban.address,
            "left": "for ever" if ban.until == FOREVER else format_span(ban.until - now),
            "since": format_age(ban.since, now),
            "failures": ban.failures,
            "count": ban.times,
            "detection": describe_jail(jail),
        }
        for ban, jail in live[:MOST_ROWS]
    ]
    return {"bans_error": "", "bans_total": len(live), "bans": rows}


def draw_days(by_day: Mapping[int, int], since: float, now: float) -> dict[str, object]:
    """Return the bars of the bans a day, and from when on they are complete if that is not always."""
    today, most = int(now // DAY), max([1, *by_day.values()])
    days = [
        {
            "bans": by_day.get(day, 0),
            "height": 100.0 * by_day.get(day, 0) / most,
            "date": time.strftime("%d.%m.", time.gmtime(day * DAY)),
        }
        for day in range(today - DAYS + 1, today + 1)
    ]
    is_partial = since > (today - DAYS + 1) * DAY
    complete_since = format_minute(since) if is_partial else ""
    return {"days": days, "complete_since": complete_since}


def list_events(state: State) -> dict[str, object]:
    """Return the outcomes of the events of each FortiGate, and the number of refused posts."""
    counts = state.counts
    endings = list_endings(state.config)
    rows = []
    for name in state.config["fortigates"]:
        numbers = [counts[name_by_detection(EVENTS, name, ending)] for ending in endings]
        numbers += [counts[name_number(what, name)] for what in (MALFORMED, LIMITED)]
        rows.append([name, *("%d" % number for number in numbers)])
    refused = counts[REFUSED_ADDRESS] + counts[REFUSED_TOKEN]
    head = ["", *endings, "unreadable", "over the rate"]
    return {"event_head": head, "events": rows, "refused": "%d" % refused}


def count_bans_by_day(path: str) -> tuple[Mapping[int, int], float]:
    """Return {day since the epoch: bans}, and from when on it is complete (0 if always).

    Only as much of the end of the audit is read as takes a moment.
    """
    by_day: Counter[int] = Counter()
    oldest, lines = 0.0, NewestLines(path, TAIL)
    for line in lines:
        ban = BAN.match(line)
        if ban:
            oldest = float(ban.group(1))
            by_day[int(oldest // DAY)] += 1
    return by_day, oldest if lines.are_cut else 0.0
