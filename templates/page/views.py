"""The pages that are read.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from banstitch_shared.addresses import Network, do_overlap, parse_network, spell_network
from banstitch_shared.alarm_file import read_alarms
from banstitch_shared.allowances import Allowance
from banstitch_shared.jails import describe_jail
from banstitch_shared.service import read_uptime
from banstitch_shared.shared_bans import Imported, read_imported, select_touching
from banstitch_shared.shield_file import describe_shield, read_shield
from flask import Response, request

from page import figures, story
from page.access import Visitor
from page.acts import check_source
from page.bans import MOST_FOUND
from page.counters import list_rhythms, read_counters
from page.settings import ADMIN
from page.state import State

# Bans of one page of the list, and of the overview.
ROWS, FIRST_ROWS = 50, 10
# Characters of a search.
LONGEST = 100
# Durations of an allowance, in seconds and in words.
DURATIONS = ((3600, "1 hour"), (28800, "8 hours"), (86400, "1 day"), (604800, "7 days"))
# What the audit can be narrowed to.
KINDS = ("", "ban", "unban", "expiry", "allow", "unallow", "alarm", "shield", "refused", "limit")


def render(
    state: State,
    name: str,
    visitor: Visitor | None,
    code: int = 200,
    **values: Any,
) -> Response:
    """Return a page."""
    now = values.setdefault("now", time.time())
    text = state.templates.get_template(name).render(
        visitor=visitor,
        path=request.path,
        clock=now,
        is_shared=bool(state.settings.shared),
        **values,
    )
    return Response(text, code, mimetype="text/html")


def refuse(
    state: State,
    code: int,
    message: str,
    visitor: Visitor | None = None,
) -> Response:
    """Return a page that says why something is not done."""
    return render(state, "refused.html", visitor, code, message=message)


def serve_style(state: State) -> Response:
    """Return the style sheet."""
    text = state.templates.get_template("style.css").render()
    headers = {"Cache-Control": "max-age=3600"}
    return Response(text, mimetype="text/css", headers=headers)


def show_overview(state: State, visitor: Visitor) -> Response:
    """Show how the site is: errors, alarms, FortiGates and the newest bans."""
    now, settings = time.time(), state.settings
    live, known = state.bans.list_live(now), read_alarms(settings.rules_memory, now)
    shield = read_shield(settings.rules_memory, now)
    counters = read_counters(settings.counts)
    return render(
        state,
        "overview.html",
        visitor,
        now=now,
        errors=[*state.bans.errors, *_list_errors(state, bool(counters), now)],
        shield=describe_shield(shield) if shield else "",
        alarms=list(reversed(known.alarms)),
        attacked=known.attacked,
        fortigates=list_rhythms(counters, settings.fortigates, now),
        total=len(live),
        rows=live[:FIRST_ROWS],
        allowances=state.read_allowances(now),
    )


def _list_errors(state: State, has_counters: bool, now: float) -> list[str]:
    """Return which services of the host do not run."""
    errors = [] if has_counters else ["the receiver does not run"]
    try:
        alive = os.stat(os.path.join(state.settings.rules_memory, "alive")).st_mtime
    except OSError:
        alive = 0.0
    return errors + ([] if now - alive < 60 else ["banstitch-rules does not run"])


def show_address(state: State, visitor: Visitor) -> Response:
    """Show whether an address or a network is banned, why, and the forms to free it."""
    asked, now = request.args.get("q", "").strip()[:LONGEST], time.time()
    try:
        wanted = parse_network(asked)
    except ValueError:
        message = "Type an address or a network, such as 203.0.113.9 or 203.0.113.0/24."
        return render(state, "address.html", visitor, 400, asked=asked, message=message)
    text, bans = spell_network(wanted), state.bans.find(wanted, now)
    names = list(dict.fromkeys([text, *_list_sources(wanted, state), *(b.address for b in bans)]))
    entries = story.find_entries(state.audit, names, lambda entry: entry.address in names)
    allowed = state.read_allowances(now)
    return render(
        state,
        "address.html",
        visitor,
        now=now,
        asked=text,
        message="",
        bans=bans,
        shared=_list_shared(state, wanted, allowed, now),
        freed=text if _is_source(text) else "",
        allowances=[a for a in allowed if _touches(a.network, wanted)],
        entries=entries,
        events=story.find_events(state.evidence, names),
        durations=DURATIONS,
    )


def _list_sources(wanted: Network, state: State) -> list[str]:
    """Return how the logs name the source of an address."""
    if wanted.version == 4 or wanted.prefixlen <= state.settings.ipv6_prefix:
        return []
    return [spell_network(wanted.supernet(new_prefix=state.settings.ipv6_prefix))]


def _is_source(text: str) -> bool:
    """Return whether an address can be freed here; a network cannot."""
    try:
        check_source(text)
    except ValueError:
        return False
    return True


def _list_shared(
    state: State, wanted: Network, allowed: Sequence[Allowance], now: float
) -> list[Imported]:
    """Return the bans of other sites that deny a part of a network, but none that an allowance ended."""
    denied = select_touching(read_imported(state.settings.shared, now), wanted)
    return [
        each
        for each in denied[:MOST_FOUND]
        if not any(_touches(a.network, parse_network(each.address)) for a in allowed)
    ]


def _touches(network: str, wanted: Network) -> bool:
    return do_overlap(parse_network(network), wanted)


def show_bans(state: State, visitor: Visitor) -> Response:
    """Show the bans, page by page."""
    now, jail = time.time(), request.args.get("rule", "")[:LONGEST]
    jail = jail if jail in state.settings.jails else ""
    live = state.bans.list_live(now, jail)
    pages = max(1, -(-len(live) // ROWS))
    page = min(_read_number(request.args.get("page", "")), pages)
    return render(
        state,
        "bans.html",
        visitor,
        now=now,
        total=len(live),
        rows=live[(page - 1) * ROWS : page * ROWS],
        page=page,
        pages=pages,
        jail=jail,
        jails=state.settings.jails,
    )


def _read_number(text: str) -> int:
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 9 else 1


def show_audit(state: State, visitor: Visitor) -> Response:
    """Show the entries of the audit that hold a text."""
    asked, kind = request.args.get("q", "").strip()[:LONGEST], request.args.get("kind", "")
    kind = kind if kind in KINDS else ""
    wanted = asked.lower()

    def fits(entry: story.Entry) -> bool:
        texts = (entry.address, entry.why, entry.by, entry.jail, entry.fortigate)
        return kind in ("", entry.what) and any(wanted in text.lower() for text in texts)

    found = story.find_entries(state.audit, [asked], fits, kind)
    return render(state, "audit.html", visitor, asked=asked, kind=kind, kinds=KINDS, entries=found)


def show_figures(state: State, visitor: Visitor) -> Response:
    """Show the charts, each with its numbers."""
    now = time.time()
    known, by_jail = state.figures.read(now), state.bans.count_by_jail(now)
    kept = sorted(known.kept_out.items(), key=lambda each: -each[1])
    return render(
        state,
        "figures.html",
        visitor,
        now=now,
        days=figures.draw_days(known.bans, now),
        failures=figures.draw_hours(known.failures, now),
        logins=figures.draw_hours(known.logins, now),
        rules=figures.draw_bars([(describe_jail(j), n) for j, n in by_jail.most_common()]),
        kept=figures.draw_bars([(describe_jail(j), round(n)) for j, n in kept]),
        bans_since=known.bans_since,
        events_since=known.events_since,
    )


def show_sessions(state: State, visitor: Visitor) -> Response:
    """Show who is logged in."""
    if visitor.user.role != ADMIN:
        return refuse(state, 403, "You may not see this.", visitor)
    sessions = state.store.list_sessions(state.settings.idle, state.settings.longest)
    users, uptime = sorted(state.settings.users.items()), read_uptime()
    return render(state, "sessions.html", visitor, uptime=uptime, sessions=sessions, users=users)
