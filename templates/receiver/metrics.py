"""The metrics, in the text format of Prometheus.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from banstitch_shared.tokens import VERIFY

from receiver import recent
from receiver.files import Unavailable
from receiver.settings import Config

if TYPE_CHECKING:
    from receiver.state import State

# Labels and value.
Sample = tuple[Mapping[str, str], float]
# Name, type, meaning, samples.
Family = tuple[str, str, str, list[Sample]]

# For each FortiGate: outcomes of its events (beside one count for each detection), and times.
BY_FORTIGATE = ("malformed", "limited", "polls", "last_event", "last_poll")
REFUSED = ("refused_address", "refused_token", "refused_feed", "refused_page", "too_large")


def list_names(config: Config) -> list[str]:
    """Return the names of all numbers for :class:`receiver.counts.Counts`."""
    posters = [*config["fortigates"], VERIFY]
    endings = [*(d["name"] for d in config["detections"]), "ignored"]
    found = ["events:%s:%s" % (who, ending) for who in posters for ending in endings]
    found += ["%s:%s" % (what, who) for what in BY_FORTIGATE for who in posters]
    buckets = [*("rate:" + who for who in posters), "said", "kept"]
    found += [bucket + part for bucket in buckets for part in (":tokens", ":at")]
    found += recent.names(posters)
    return [*found, *REFUSED, "started"]


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
    counts, fortigates = state.counts, state.config["fortigates"]
    endings = [*(d["name"] for d in state.config["detections"]), "ignored"]

    def count_by_fortigate(what: str) -> list[Sample]:
        return [({"fortigate": name}, counts["%s:%s" % (what, name)]) for name in fortigates]

    yield (
        "banstitch_up",
        "gauge",
        "1 when the receiver can do all of its work",
        [({}, 0 if state.list_errors() else 1)],
    )
    yield (
        "banstitch_degraded",
        "gauge",
        "1 when it works and something is lost all the same",
        [({}, 1 if state.list_losses() else 0)],
    )
    yield (
        "banstitch_events_total",
        "counter",
        "Events that were read, by detection or ignored",
        [
            ({"fortigate": name, "detection": ending}, counts["events:%s:%s" % (name, ending)])
            for name in fortigates
            for ending in endings
        ],
    )
    yield (
        "banstitch_malformed_total",
        "counter",
        "Posts answered 400",
        count_by_fortigate("malformed"),
    )
    yield (
        "banstitch_unreadable_last_day",
        "gauge",
        "Posts of the last 24 hours that were answered 400",
        [
            ({"fortigate": name}, number)
            for name, number in state.count_unreadable(time.time()).items()
        ],
    )
    yield "banstitch_limited_total", "counter", "Posts answered 429", count_by_fortigate("limited")
    yield (
        "banstitch_refused_total",
        "counter",
        "Requests answered 401, 403 or 413",
        [({"why": why}, counts[why]) for why in REFUSED],
    )
    yield (
        "banstitch_polls_total",
        "counter",
        "Times the feed was fetched",
        count_by_fortigate("polls"),
    )
    yield (
        "banstitch_last_event_seconds",
        "gauge",
        "Epoch of the last post, 0 for none",
        count_by_fortigate("last_event"),
    )
    yield (
        "banstitch_last_poll_seconds",
        "gauge",
        "Epoch of the last fetch, 0 for none",
        count_by_fortigate("last_poll"),
    )
    yield "banstitch_bans", "gauge", "Live bans, by jail", count_bans(state)
    yield (
        "banstitch_bans_refused",
        "gauge",
        "New bans over the limit of the last hour",
        [
            ({"fortigate": name}, number)
            for name, number in state.bans.count_refused(time.time()).items()
        ],
    )
    yield (
        "banstitch_feed_left_out",
        "gauge",
        "Bans without room in the feed",
        [({}, state.feed.left_out)],
    )


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
    return "%d" % value if value == int(value) else "%.3f" % value
