"""The metrics, in the text format of Prometheus.

Managed by Banstitch: changes made here are overwritten.
"""

import time

from receiver import recent
from receiver.files import Unavailable

# Of one FortiGate: how its events ended (beside one count for each detection), and moments.
BY_FORTIGATE = ("malformed", "limited", "polls", "last_event", "last_poll")
REFUSED = ("refused_address", "refused_token", "refused_feed", "refused_page", "too_large")


def names(config):
    """All numbers that are kept, for :class:`receiver.counts.Counts`."""
    posters = [*config["fortigates"], "verify"]
    endings = [*(d["name"] for d in config["detections"]), "ignored"]
    found = ["events:%s:%s" % (who, ending) for who in posters for ending in endings]
    found += ["%s:%s" % (what, who) for what in BY_FORTIGATE for who in posters]
    buckets = [*("rate:" + who for who in posters), "said", "kept"]
    found += [bucket + part for bucket in buckets for part in (":tokens", ":at")]
    found += recent.names(posters)
    return [*found, *REFUSED, "started"]


def text(state):
    """The exposition format, version 0.0.4."""
    lines = []
    for name, kind, meaning, samples in families(state):
        lines += ["# HELP %s %s" % (name, meaning), "# TYPE %s %s" % (name, kind)]
        lines += ["%s%s %s" % (name, labels(of), number(value)) for of, value in samples]
    return "\n".join(lines) + "\n"


def families(state):
    """(name, type, meaning, [(labels, value)]) of every metric."""
    counts, units = state.counts, state.config["fortigates"]
    endings = [*(d["name"] for d in state.config["detections"]), "ignored"]

    def each(what):
        return [({"fortigate": unit}, counts["%s:%s" % (what, unit)]) for unit in units]

    yield "banstitch_up", "gauge", "1 when the receiver can do all of its work", [
        ({}, 0 if state.reasons() else 1)
    ]
    yield "banstitch_degraded", "gauge", "1 when it works and something is lost all the same", [
        ({}, 1 if state.degraded() else 0)
    ]
    yield "banstitch_events_total", "counter", "Events that were read, by detection or ignored", [
        ({"fortigate": u, "detection": e}, counts["events:%s:%s" % (u, e)])
        for u in units
        for e in endings
    ]
    yield "banstitch_malformed_total", "counter", "Posts answered 400", each("malformed")
    yield "banstitch_unreadable_last_day", "gauge", "Posts of the last 24 hours that were answered 400", [
        ({"fortigate": unit}, number) for unit, number in state.unreadable(time.time()).items()
    ]
    yield "banstitch_limited_total", "counter", "Posts answered 429", each("limited")
    yield "banstitch_refused_total", "counter", "Requests answered 401, 403 or 413", [
        ({"why": why}, counts[why]) for why in REFUSED
    ]
    yield "banstitch_polls_total", "counter", "Times the feed was fetched", each("polls")
    yield "banstitch_last_event_seconds", "gauge", "Epoch of the last post, 0 for none", each(
        "last_event"
    )
    yield "banstitch_last_poll_seconds", "gauge", "Epoch of the last fetch, 0 for none", each(
        "last_poll"
    )
    yield "banstitch_bans", "gauge", "Live bans, by jail", bans(state)
    yield "banstitch_bans_refused", "gauge", "New bans over the limit of the last hour", [
        ({"fortigate": name}, number) for name, number in state.bans.refused(time.time()).items()
    ]
    yield "banstitch_feed_left_out", "gauge", "Bans without room in the feed", [
        ({}, state.feed.left_out)
    ]


def bans(state):
    """No sample at all where the bans are not known: an absent number alarms, a 0 would not."""
    try:
        return [({"jail": jail}, bans) for jail, bans in state.feed.live(time.time()).items()]
    except Unavailable:
        return []


def labels(of):
    """Names of FortiGates and detections hold nothing that would need an escape."""
    return "{%s}" % ",".join('%s="%s"' % pair for pair in of.items()) if of else ""


def number(value):
    return "%d" % value if value == int(value) else "%.3f" % value
