"""Compare the feed that each FortiGate of a site holds with the bans of the ban host."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from banstitch_shared.addresses import is_network

from provision.desired import running_site
from provision.desired.host_paths import SPOOL
from provision.engine.ban_host import BanHostRun
from provision.engine.run import Run
from provision.errors import TargetError, spell_count
from provision.fortios.config.feed import FeedState
from provision.linux.agent.protocol.answers import Ban
from provision.linux.agent.protocol.requests import ListBans
from provision.sites.site import Site

if TYPE_CHECKING:
    from provision.engine.fortigate import FortiGateRun

# Seconds that a ban may take from the ban file to a FortiGate, besides two polls: FortiOS fetches at a
# random moment of each interval (administration guide 7.6.6, threat feeds).
_MARGIN = 60
# Addresses that a note names.
_NAMED = 3


def check_feeds(run: Run, site: Site, host: BanHostRun, fortigates: Sequence[FortiGateRun]) -> None:
    """Add notes to the FortiGates that hold less than the feed has; for `verify`, to the others, too."""
    held = [(part, part.held) for part in fortigates if part.held is not None]
    is_listed = any(state.ranges is not None for _, state in held)
    old = _list_old_bans(run, site, host) if is_listed else None
    limit = running_site.find_feed_limit(site, run.plays)
    for part, state in held:
        is_full = state.lines >= limit
        # bans without room in a full feed are not this FortiGate's error
        bans = None if is_full or state.ranges is None else old
        missing = state.find_missing(bans or ())
        problems = list(_list_problems(state, part.is_feed_used, missing))
        part.target.is_impaired = part.target.is_impaired or bool(problems)
        part.target.notes.extend(problems)
        if run.verb == "verify" and not problems:
            part.target.notes.append(_describe(state, bans, is_full))
        part.target.details = {
            **part.target.details,
            "feed": _build_details(state, bans, missing, problems),
        }


def _list_old_bans(run: Run, site: Site, host: BanHostRun) -> tuple[str, ...] | None:
    """Return the IPv4 bans that each FortiGate must have fetched by now; None if they are not known."""
    if host.target.error is not None:
        return None
    latest = time.time() - 2 * running_site.find_poll_seconds(site, run.plays) - _MARGIN
    try:
        found = host.ask(ListBans(SPOOL, "", running_site.list_jails(site, run.plays))).bans
    except TargetError as error:
        host.target.notes.append(
            f"the feeds of FortiGates were not compared with the bans: {error}"
        )
        return None
    return tuple(dict.fromkeys(ban.address for ban in found if _is_due(ban, latest)))


def _is_due(ban: Ban, latest: float) -> bool:
    # a ban host that was taken over may list anything
    return ban.since < latest and ":" not in ban.address and is_network(ban.address)


def _list_problems(state: FeedState, is_wanted: bool, missing: Sequence[str]) -> Iterator[str]:
    if state.words:
        return
    if is_wanted and not state.used:
        yield "the FortiGate reports that nothing uses the feed, so it denies nobody; check enforcement"
    if state.errors:
        yield (
            f"the FortiGate cannot read {state.errors} of the feed's {spell_count(state.lines, 'line')}; "
            "report this as a bug"
        )
    if state.truncated:
        yield (
            f"the FortiGate holds only {state.valid} of {state.lines} lines of the feed: set "
            "receiver_feed_limit to what its model accepts"
        )
    if missing:
        names = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
        yield (
            f"the FortiGate does not hold {spell_count(len(missing), 'ban')} of the ban host "
            f"({names}); check 'last poll' in status, and its log of threat feeds (ids 22220 to 22224)"
        )


def _describe(state: FeedState, bans: Sequence[str] | None, is_full: bool) -> str:
    """Return what was seen where nothing is wrong."""
    if state.words:
        return (
            f"the feed could not be examined on the FortiGate, which answered: {state.words}; a "
            "restricted profile needs cli-diagnose (system-diagnostics before 7.4.2)"
        )
    lines = spell_count(state.lines, "line")
    found = f"the FortiGate holds {lines} of the feed without errors"
    found += " and uses it" if state.used else ""
    if bans is None:
        why = ", because the feed is full" if is_full else ""
        return f"{found}; its addresses were not compared with the bans{why}"
    return f"{found}; it holds every ban that it had time to fetch ({len(bans)})"


def _build_details(
    state: FeedState,
    bans: Sequence[str] | None,
    missing: Sequence[str],
    problems: Sequence[str],
) -> dict[str, object]:
    if state.words:
        return {"examined": False, "problems": []}
    return {
        "examined": True,
        "lines": state.lines,
        "valid": state.valid,
        "errors": state.errors,
        "truncated": state.truncated,
        "used": state.used,
        "missing": None if bans is None else len(missing),
        "problems": list(problems),
    }
