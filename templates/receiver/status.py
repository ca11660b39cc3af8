"""The status page: one look for people, rendered here, without a script, readable on a phone.

Managed by Banstitch: changes made here are overwritten.
"""

import collections
import itertools
import os
import re
import time
from html import escape

from receiver.files import Unavailable

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# A FortiGate polls at least every few minutes; seconds after which its silence is worth a warning.
SILENT = 3600
# Rows of bans that a page shows, days of its picture, and bytes of the audit that it is drawn from.
MOST_ROWS = 500
DAYS = 14
TAIL = 32 << 20
DAY = 86400
# The beginning of a ban's line in the audit, which no text that an attacker typed can be.
BAN = re.compile(rb'\{"at": ([0-9]{1,12}(?:\.[0-9]+)?), "what": "ban"')

STYLE = """
:root { color-scheme: light dark; --good: #2e7d32; --bad: #c62828; --line: #8884; --bar: #c6282899 }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem }
h1 { font-size: 1.4rem; margin: 0 0 .5rem } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem }
.badge { border-radius: .3rem; color: #fff; padding: .1rem .5rem; font-size: 1rem }
.good { background: var(--good) } .bad { background: var(--bad) } .warn { color: var(--bad) }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left }
td { white-space: nowrap; font-variant-numeric: tabular-nums }
td code { display: inline-block; min-width: 8.5rem; white-space: normal; word-break: break-all }
@media (max-width: 40rem) { body { font-size: 14px } td code { max-width: 10.5rem } }
svg { width: 100%; height: auto; max-height: 14rem } svg rect { fill: var(--bar) }
svg text { font: 10px system-ui, sans-serif; fill: currentColor; text-anchor: middle }
svg line { stroke: var(--line) } footer { margin-top: 2rem; opacity: .7; font-size: .85rem }
"""


def page(state, now):
    """The whole page as text."""
    body = [
        health(state),
        fortigates(state, now),
        current_bans(state, now),
        history(*bans_by_day(state.config["audit_log"]), now),
        events(state),
    ]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        "<meta http-equiv=refresh content=60><title>Banstitch</title>"
        "<style>%s</style>%s<footer>%s UTC, renewed each minute</footer></html>"
        % (STYLE, "".join(body), time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)))
    )


def health(state):
    reasons = state.reasons()
    badge = "<span class='badge %s'>%s</span>"
    badge = badge % (("bad", "not working") if reasons else ("good", "working"))
    said = [*reasons, *state.degraded(), *state.warnings()]
    items = "".join("<li class=warn>%s" % escape(r) for r in said)
    return "<h1>Banstitch %s</h1>%s" % (badge, "<ul>%s</ul>" % items if items else "")


def fortigates(state, now):
    rows = []
    for unit in state.config["fortigates"]:
        event, poll = state.counts["last_event:" + unit], state.counts["last_poll:" + unit]
        quiet = now - max(poll, state.counts["started"]) > SILENT
        warning = "<span class=warn>silent: has not fetched the feed</span>" if quiet else ""
        rows.append((escape(unit), ago(event, now), ago(poll, now), warning))
    return "<h2>FortiGates</h2>" + table(("", "last event", "last feed poll", ""), rows)


def current_bans(state, now):
    try:
        _, jails = state.bans.read()
    except Unavailable as error:
        return "<h2>Bans</h2><p class=warn>%s</p>" % escape(str(error))
    live = [(b, jail) for jail, bans in jails.items() for b in bans if b.until > now]
    live.sort(key=lambda row: (-row[0].since, row[0].address))
    rows = [
        (
            "<code>%s</code>" % escape(ban.address),
            "for ever" if ban.until == float("inf") else span(ban.until - now),
            ago(ban.since, now),
            "%d" % ban.failures,
            "%d" % ban.count,
            escape(jail.partition("-")[2] or jail),
        )
        for ban, jail in live[:MOST_ROWS]
    ]
    more = len(live) - len(rows)
    head = ("address", "time left", "since", "failures", "times banned", "detection")
    title = "<h2>%d %s</h2>" % (len(live), "ban" if len(live) == 1 else "bans")
    return title + table(head, rows) + ("<p>and %d older ones</p>" % more if more else "")


def history(by_day, since, now):
    """Bans a day as a picture: bars, with their numbers above and the dates below; and where it is not
    the whole truth, from when on it is.
    """
    today, most = int(now // DAY), max([1, *by_day.values()])
    parts = []
    for number in range(DAYS):
        day = today - DAYS + 1 + number
        bans, middle = by_day.get(day, 0), number * 50 + 25
        height = 100.0 * bans / most
        date = time.strftime("%d.%m.", time.gmtime(day * DAY))
        parts.append(
            "<rect x=%d y=%.1f width=36 height=%.1f><title>%s %d</title></rect>"
            % (middle - 18, 120 - height, height, date, bans)
        )
        parts.append("<text x=%d y=%.1f>%s</text>" % (middle, 116 - height, bans or ""))
        parts.append("<text x=%d y=134>%s</text>" % (middle, date))
    size = DAYS * 50
    picture = "<svg viewBox='0 0 %d 140' role=img aria-label='Bans a day'>%s%s</svg>"
    line = "<line x1=0 y1=120.5 x2=%d y2=120.5></line>" % size
    title = "<h2>Bans in the last %d days</h2>" % DAYS
    note = ""
    if since > (today - DAYS + 1) * DAY:
        moment = time.strftime("%Y-%m-%d %H:%M", time.gmtime(since))
        note = "<p>Those before %s UTC are not counted here: there were too many.</p>" % moment
    return title + picture % (size, line, "".join(parts)) + note


def events(state):
    counts = state.counts
    endings = [*(d["name"] for d in state.config["detections"]), "ignored"]
    rows = []
    for unit in state.config["fortigates"]:
        numbers = [counts["events:%s:%s" % (unit, ending)] for ending in endings]
        numbers += [counts["malformed:" + unit], counts["limited:" + unit]]
        rows.append((escape(unit), *("%d" % n for n in numbers)))
    refused = counts["refused_address"] + counts["refused_token"]
    note = "<p>Refused posts (wrong address or token): %d</p>" % refused
    return "<h2>Events</h2>" + table(("", *endings, "unreadable", "over the rate"), rows) + note


def table(head, rows):
    if not rows:
        return "<p>none</p>"
    cells = "".join("<th>%s" % escape(title) for title in head)
    lines = "".join("<tr>" + "".join("<td>%s" % cell for cell in row) for row in rows)
    return "<div class=wide><table><tr>%s%s</table></div>" % (cells, lines)


def ago(moment, now):
    return span(now - moment) + " ago" if moment else "never"


def span(seconds):
    """The largest unit and the one below it, as people say it."""
    seconds = max(int(seconds), 0)
    for size, unit, below, name in ((DAY, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= size:
            rest = seconds % size // below
            return "%d %s" % (seconds // size, unit) + (" %d %s" % (rest, name) if rest else "")
    return "%d s" % seconds


def bans_by_day(path):
    """({day since the epoch: bans}, from when on all of them are in it): as much of the end of the audit
    as is read in a moment.
    """
    moments, left = [], TAIL
    for age in itertools.count():
        try:
            with open("%s.%d" % (path, age) if age else path, "rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                stream.seek(max(0, size - left))
                moments += [float(ban.group(1)) for ban in map(BAN.match, stream) if ban]
        except OSError:
            if age:  # there is no older one; the newest is missing for a moment while it is rotated
                break
            continue
        left -= size
        if left < 0:
            break
    by_day = collections.Counter(int(at // DAY) for at in moments)
    return by_day, min(moments, default=0) if left < 0 else 0
