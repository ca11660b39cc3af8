"""The metrics, in the text format of Prometheus.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from banstitch_shared.number_names import (
    EVENTS,
    LAST_EVENT,
    LAST_POLL,
    LIMITED,
    LOGINS,
    MALFORMED,
    POLLS,
    REFUSED,
    name_by_detection,
    name_number,
)
from banstitch_shared.shield_file import UP

from receiver import fetches
from receiver.files import Unavailable
from receiver.imports import Peer
from receiver.numbers import list_endings

if TYPE_CHECKING:
    from receiver.state import State

# Labels and value.
Sample = tuple[Mapping[str, str], float]
# Name, type, meaning, samples.
Family = tuple[str, str, str, list[Sample]]


def render_metrics(state: State) -> str:
    """Return the metrics in the exposition format, version 0.0.4."""
    lines = []
    for name, kind, meaning, samples in list_families(state):
        lines += ["# HELP %s %s" % (name, meaning), "# TYPE %s %s" % (name, kind)]
        lines += [
            "%s%s %s" % (name, format_labels(labels), format_number(value))
            for labels, value in samples
        ]
    return "\n".join(lines) + "\n"


def list_families(state: State) -> Iterator[Family]:
    """Yield every metric."""
    yield from list_health(state)
    yield from list_posts(state)
    yield from list_polls(state)
    yield from list_bans(state)
    yield from list_rules(state)
    yield from list_shield(state)
    yield from list_peers(state)


def list_health(state: State) -> Iterator[Family]:
    """Yield whether the receiver works."""
    is_up, is_degraded = not state.list_all_errors(), bool(state.list_losses())
    yield "banstitch_up", "gauge", "1 when the receiver can do all of its work", [({}, is_up)]
    meaning = "1 when the receiver works but loses something"
    yield "banstitch_degraded", "gauge", meaning, [({}, is_degraded)]


def list_posts(state: State) -> Iterator[Family]:
    """Yield what became of posts and other requests."""
    events: list[Sample] = [
        (
            {"fortigate": name, "detection": ending},
            state.counts[name_by_detection(EVENTS, name, ending)],
        )
        for name in state.config["fortigates"]
        for ending in list_endings(state.config)
    ]
    meaning = "Events that were read, by detection, or as ignored"
    yield "banstitch_events_total", "counter", meaning, events
    logins: list[Sample] = [
        (
            {"fortigate": name, "detection": ending},
            state.counts[name_by_detection(LOGINS, name, ending)],
        )
        for name in state.config["fortigates"]
        for ending in list_endings(state.config)[:-1]
    ]
    yield "banstitch_logins_total", "counter", "Logins that succeeded, by detection", logins
    malformed = count_by_fortigate(state, MALFORMED)
    yield "banstitch_malformed_total", "counter", "Posts answered 400", malformed
    meaning = "Posts of the last 24 hours that were answered 400"
    last_day = label_fortigates(state.count_unreadable(time.time()))
    yield "banstitch_unreadable_last_day", "gauge", meaning, last_day
    limited = count_by_fortigate(state, LIMITED)
    yield "banstitch_limited_total", "counter", "Posts answered 429", limited
    refused: list[Sample] = [({"why": why}, state.counts[why]) for why in REFUSED]
    yield "banstitch_refused_total", "counter", "Requests answered 401, 403 or 413", refused


def list_polls(state: State) -> Iterator[Family]:
    """Yield how often the feed was fetched, and when each FortiGate was last heard."""
    polls = count_by_fortigate(state, POLLS)
    yield "banstitch_polls_total", "counter", "Times the feed was fetched", polls
    events = count_by_fortigate(state, LAST_EVENT)
    yield "banstitch_last_event_seconds", "gauge", "Epoch of the last post, 0 for none", events
    polls = count_by_fortigate(state, LAST_POLL)
    yield "banstitch_last_poll_seconds", "gauge", "Epoch of the last fetch, 0 for none", polls
    delays = count_by_fortigate(state, fetches.DELAY)
    meaning = "Seconds from an event to the fetch that followed, 0 for none yet"
    yield "banstitch_fetch_delay_seconds", "gauge", meaning, delays


def list_bans(state: State) -> Iterator[Family]:
    """Yield how many bans there are, were refused, and have no room."""
    yield "banstitch_bans", "gauge", "Live bans, by jail", count_bans(state)
    refused = label_fortigates(state.bans.count_refused(time.time()))
    meaning = "New bans over the limit in the last hour"
    yield "banstitch_bans_refused", "gauge", meaning, refused
    left_out: list[Sample] = [({}, state.feed.left_out)]
    yield "banstitch_feed_left_out", "gauge", "Bans without room in the feed", left_out


def list_rules(state: State) -> Iterator[Family]:
    """Yield the lag and the alarms of the service banstitch-rules."""
    now = time.time()
    known, lag = state.rules.read_alarms(now), state.rules.measure_lag(now)
    yield (
        "banstitch_rules_lag_seconds",
        "gauge",
        "Seconds that events wait for the rules",
        [({}, lag)],
    )
    alarms: list[Sample] = [({}, len(known.alarms))]
    yield "banstitch_alarms", "gauge", "Logins after many failures in the last week", alarms
    attacked: list[Sample] = [({}, len(known.attacked))]
    yield "banstitch_users_attacked", "gauge", "Users whom many addresses try", attacked


def list_shield(state: State) -> Iterator[Family]:
    """Yield the state of the shield."""
    now = time.time()
    shield = state.shield.find(now)
    is_up, until = shield is not None and shield.mode == UP, shield.until if shield else 0
    yield (
        "banstitch_shield_up",
        "gauge",
        "1 while the shield denies unknown networks",
        [({}, is_up)],
    )
    is_alarm: list[Sample] = [({}, shield is not None and not is_up)]
    yield "banstitch_shield_alarm", "gauge", "1 while the shield would be up", is_alarm
    yield (
        "banstitch_shield_until_seconds",
        "gauge",
        "Epoch when the shield or its alarm ends, 0 for none",
        [({}, until)],
    )
    denied: list[Sample] = [({}, len(state.shield.list_denied(now)))]
    yield "banstitch_shield_networks", "gauge", "Networks that the shield denies", denied


def list_peers(state: State) -> Iterator[Family]:
    """Yield what the peers that share bans offer; nothing if bans are not shared."""
    if state.imports is None:
        return
    state.imports.list_denied(time.time())
    families: tuple[tuple[str, str, Callable[[Peer], float]], ...] = (
        ("bans", "Bans of a peer that count here", state.imports.counts.__getitem__),
        (
            "refused",
            "Bans of a peer that do not count here, because this site spares the address",
            state.imports.refused.__getitem__,
        ),
        ("up", "1 while the bans of a peer count", state.imports.is_up),
        ("answer_seconds", "Epoch of its last answer, 0 for none", state.imports.read_last_answer),
    )
    for name, meaning, measure in families:
        samples: list[Sample] = [
            ({"group": peer[0], "peer": peer[1]}, measure(peer)) for peer in state.imports.counts
        ]
        yield "banstitch_shared_" + name, "gauge", meaning, samples


def count_by_fortigate(state: State, what: str) -> list[Sample]:
    """Return a sample for each FortiGate."""
    names = state.config["fortigates"]
    return label_fortigates({name: state.counts[name_number(what, name)] for name in names})


def label_fortigates(numbers: Mapping[str, float]) -> list[Sample]:
    """Return a sample for each FortiGate and its number."""
    return [({"fortigate": name}, number) for name, number in numbers.items()]


def count_bans(state: State) -> list[Sample]:
    """Return no sample at all if the bans are not known: a missing number alarms, a 0 would not."""
    try:
        live = state.feed.count_live(time.time())
        return [({"jail": jail}, number) for jail, number in live.items()]
    except Unavailable:
        return []


def format_labels(labels: Mapping[str, str]) -> str:
    """Return labels as text. Names of FortiGates and detections need no escape."""
    return "{%s}" % ",".join('%s="%s"' % pair for pair in labels.items()) if labels else ""


def format_number(value: float) -> str:
    """Return a number as text: whole ones without a point, others with three digits behind it."""
    return "%d" % value if value == int(value) else "%.3f" % value
