"""The queue of reports and its limits. Pure functions, without a clock.

An address is tried once in 15 minutes at most, and all of them within the limit of a day. A report waits
until its ban is SETTLED, and is left out when the ban began more than an hour ago.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

DAY = 86400.0
# Seconds: the age of a ban at which it is reported, since a login may end it; and at which it is too old.
SETTLED, WINDOW = 60.0, 3600.0
# Seconds between two reports of an address. AbuseIPDB requires 15 minutes. By fewer than STEP seconds, the
# clock may go faster meanwhile.
AGAIN, STEP = 905.0, 4.0
# Reports that wait: a flood drops the oldest. Addresses whose last ban is remembered.
MOST, MOST_SEEN = 2000, 10_000
# Seconds until the next attempt after a failure; the pause doubles up to the second number.
FIRST_PAUSE, LONGEST_PAUSE = 60.0, 900.0


class Report(NamedTuple):
    """A ban to report. ``since``: its beginning in epoch seconds."""

    address: str
    jail: str
    since: float


class State(NamedTuple):
    """The memory that outlives a restart. Times in epoch seconds.

    ``began``: bans before it are not reported. ``seen``: the beginning of the last ban of each address that
    was queued or left out. ``tried``: the last attempt to report each address. ``used``: attempts of the day
    that ends at ``renews``. ``not_before``: when the next attempt may be. ``failing``: since when all
    attempts fail, 0 if they do not. ``booted``: when the host booted, by the clock as it was then; 0 if that
    is not known.
    """

    began: float
    seen: Mapping[str, float] = {}
    tried: Mapping[str, float] = {}
    waiting: tuple[Report, ...] = ()
    renews: float = 0.0
    used: int = 0
    not_before: float = 0.0
    failures: int = 0
    failing: float = 0.0
    error: str = ""
    booted: float = 0.0


def note_clock(state: State, now: float, uptime: float, is_first: bool) -> State:
    """Return the state, in which nothing is sent for 15 minutes after the clock was set or the host booted.

    How long ago an address was reported is not known then. ``uptime``: seconds since the boot; ``is_first``:
    whether the host may have booted since the last look.
    """
    booted = now - uptime
    step = booted - state.booted
    if abs(step) < STEP:
        return state
    if not is_first:
        state = _move(state, step, now)
    pause = max(state.not_before, now + AGAIN) if state.tried else state.not_before
    return state._replace(booted=booted, not_before=pause)


def _move(state: State, step: float, now: float) -> State:
    """Return the state with its limits by the clock as it is now, after it was set by ``step`` seconds."""
    return state._replace(
        not_before=state.not_before + step,
        failing=state.failing + step if state.failing else 0.0,
        # which clock was right is not known, so a day ends when it has ended by both
        renews=max(state.renews + step, _find_midnight(now)) if state.renews else 0.0,
    )


def _find_midnight(now: float) -> float:
    """Return the end of the day in UTC."""
    return (now // DAY + 1) * DAY


def put(state: State, live: Iterable[Report], now: float) -> tuple[State, int]:
    """Return the state with the new bans queued, and how many reports were dropped.

    ``live``: the bans of the last hour that still stand. What ended meanwhile is not reported any more.
    """
    state, live = _forget(state, now), list(live)
    standing = {each.address for each in live}
    waiting = [each for each in state.waiting if each.address in standing]
    dropped = sum(each.since <= now - WINDOW for each in state.waiting)
    # an address that several rules ban is reported once
    busy = {each.address for each in waiting}
    busy.update(address for address, at in state.tried.items() if now - at < AGAIN)
    seen = dict(state.seen)
    new = [each for each in live if each.since > seen.get(each.address, state.began)]
    for report in sorted(new, key=lambda each: each.since):
        seen[report.address] = report.since
        if report.address not in busy:
            busy.add(report.address)
            waiting.append(report)
    dropped += max(0, len(waiting) - MOST)
    return _bound(state._replace(seen=seen, waiting=tuple(waiting[-MOST:]))), dropped


def _bound(state: State) -> State:
    """Return the state with the latest of ``seen`` only; what is forgotten began before all others."""
    if len(state.seen) <= MOST_SEEN:
        return state
    latest = sorted(state.seen.items(), key=lambda item: item[1])[-MOST_SEEN:]
    return state._replace(seen=dict(latest), began=max(state.began, latest[0][1]))


def _forget(state: State, now: float) -> State:
    """Return the state without what counts no longer; a time in the future is that of a wrong clock."""
    return state._replace(
        began=min(state.began, now),
        seen={a: at for a, at in state.seen.items() if now - WINDOW < at <= now},
        # not forgotten: the real time of the attempt is not known, and may be just now
        tried={a: min(at, now) for a, at in state.tried.items() if now - WINDOW < at},
        not_before=min(state.not_before, now + DAY),
        renews=min(state.renews, now + DAY),
    )


def take(state: State, limit: int, now: float) -> tuple[State, Report | None]:
    """Return the state, and the report to send now; None if there is none.

    The attempt counts from now on, so that a restart does not make it again.
    """
    if now >= state.renews:
        state = state._replace(renews=_find_midnight(now), used=0)
    if now < state.not_before or state.used >= limit:
        return state, None
    for number, report in enumerate(state.waiting):
        is_due = now - state.tried.get(report.address, 0.0) >= AGAIN
        if is_due and now - WINDOW < report.since <= now - SETTLED:
            others = (*state.waiting[:number], *state.waiting[number + 1 :])
            tried = {**state.tried, report.address: now}
            return state._replace(waiting=others, tried=tried, used=state.used + 1), report
    return state, None


def note_taken(state: State) -> State:
    """Return the state after the service answered, and will answer again."""
    return state._replace(failures=0, failing=0.0, error="")


def note_refused(state: State, now: float) -> State:
    """Return the state after the service refused one report, which is not sent again."""
    return note_taken(state)._replace(not_before=now + FIRST_PAUSE)


def note_limited(state: State, seconds: float, report: Report, now: float) -> State:
    """Return the state after the service asked to wait: the report was not taken, and waits on."""
    pause = min(max(seconds, FIRST_PAUSE), DAY)
    waiting = (report, *state.waiting)[-MOST:]
    return note_taken(state)._replace(waiting=waiting, not_before=now + pause)


def note_failed(state: State, error: str, report: Report, now: float) -> State:
    """Return the state after an attempt failed. It may have arrived, so the address waits as any other."""
    pause = min(FIRST_PAUSE * 2.0 ** min(state.failures, 10), LONGEST_PAUSE)
    return state._replace(
        waiting=(report, *state.waiting)[-MOST:],
        not_before=now + pause,
        failures=state.failures + 1,
        failing=state.failing or now,
        error=error,
    )
