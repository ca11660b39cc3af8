"""Collect and print the state of each site for `status`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from banstitch_shared.jails import JAIL_NAME, describe_jail
from banstitch_shared.tokens import VERIFY

from provision.cli.report.notes import NO_FILTER, describe_cluster, list_alarm_notes, read_peers
from provision.cli.report.samples import read_samples
from provision.desired import collect, running_site
from provision.desired.context import StatusSource
from provision.engine.progress import describe_unreadable_posts
from provision.engine.requests import ask
from provision.engine.run import Run
from provision.engine.site import SiteRun
from provision.errors import spell_count
from provision.linux.kinds.certificate import describe_expiry
from provision.linux.kinds.jail import Jail
from provision.linux.kinds.resource import Resource
from provision.linux.observation import build_request
from provision.masking import escape
from provision.plan import State
from provision.results import SiteResult, TargetResult, summarize
from provision.sites.site import Selected

HEADS = (
    "site",
    "target",
    "state",
    "drift",
    "receiver",
    "jails",
    "bans",
    "certificate",
    "last event",
    "last poll",
    "version",
)
# An unknown value; an empty cell means that the target has no such value.
UNKNOWN = "?"
_LOST = {
    "malformed": "banstitch_malformed_total",
    "unreadable": "banstitch_unreadable_last_day",
    "limited": "banstitch_limited_total",
}
_FINDINGS = ("shield", "alarms", "attacked", "stale", "active")
# The receiver's counters are kept in /run, so they survive its restarts.
_SINCE = "since the ban host booted"
_JAIL = re.compile(JAIL_NAME)
_WHY = {
    "refused_address": "address not allowed",
    "refused_token": "wrong token",
    "refused_feed": "wrong password",
    "refused_page": "wrong login",
    "too_large": "too large",
}
_AGES = ((2 * 86400, "d", 86400), (2 * 3600, "h", 3600), (120, "min", 60), (0, "s", 1))


def collect_status(run: Run, selected: Selected) -> SiteResult:
    """Observe every target as `plan` does, and read the receiver's metrics on the ban host."""
    planned = summarize(SiteRun(run, selected).plan())
    resources = collect.render_resources(selected.site, run.plays)
    source = running_site.request_status(selected.site, run.plays)
    answer = TargetResult(selected.site.name, "linux", "unreachable")
    if not any(
        target.kind == "linux" and target.state == "unreachable" for target in planned.targets
    ):
        request = replace(source.request, sealed=build_request(resources).sealed)
        (answer,) = ask(run, selected, request).targets
    metrics = answer.details.get("metrics", "")
    posters = {"-", VERIFY, *(fortigate.name for fortigate in selected.site.fortigates)}
    return SiteResult(
        planned.name,
        tuple(
            _describe_host(target, answer, resources, source, posters)
            if target.kind == "linux"
            else _describe_fortigate(target, metrics, selected.site.name)
            for target in planned.targets
        ),
    )


def _describe_host(
    target: TargetResult,
    answer: TargetResult,
    resources: Sequence[Resource],
    source: StatusSource,
    posters: Set[str],
) -> TargetResult:
    if answer.state == "unreachable" or answer.error:
        state: State = answer.state if target.state in ("ok", "differs") else target.state
        error = target.error or answer.error
        return replace(target, state=state, execs=target.execs + answer.execs, error=error)
    metrics = answer.details["metrics"]
    details = {
        "receiver": _judge_receiver(metrics),
        "jails": _list_jails(target, resources),
        "bans": {
            labels["jail"]: int(value)
            for labels, value in read_samples(metrics, "banstitch_bans")
            if _JAIL.fullmatch(labels.get("jail", ""))
        },
        "certificate": describe_expiry(resources, _read_days_left(answer)),
        "versions": answer.details["versions"],
        "left_out": sum(int(n) for _, n in read_samples(metrics, "banstitch_feed_left_out")),
        "bans_refused": _count_refused_bans(metrics, posters),
        "page": source.page,
        **({"peers": read_peers(metrics, source.peers)} if source.peers else {}),
        "refused": {
            labels["why"]: int(n)
            for labels, n in read_samples(metrics, "banstitch_refused_total")
            if labels.get("why") in _WHY
        },
        **{name: answer.details[name] for name in _FINDINGS},
        "filter": _judge_filter(source.request.filters, answer.details.get("filters", False)),
    }
    notes = tuple(dict.fromkeys((*target.notes, *_list_host_notes(details))))
    state = "differs" if target.state == "ok" and details["bans_refused"] else target.state
    execs = target.execs + answer.execs
    return replace(target, state=state, execs=execs, details=details, notes=notes)


def _read_days_left(answer: TargetResult) -> dict[str, float | None]:
    return {
        path: found and found["days_left"] for path, found in answer.details["certificates"].items()
    }


def _count_refused_bans(metrics: str, posters: Set[str]) -> dict[str, int]:
    """Return the number of new bans over the limit in the last hour, by FortiGate."""
    samples = read_samples(metrics, "banstitch_bans_refused")
    return {
        labels["fortigate"]: int(n)
        for labels, n in samples
        if n and labels.get("fortigate") in posters
    }


def _judge_receiver(metrics: str) -> str:
    """Return whether the receiver is up: unknown if the answer is not the receiver's."""
    if not metrics:
        return "down"
    up = read_samples(metrics, "banstitch_up")
    return UNKNOWN if not up else "up" if up[0][1] else "unhealthy"


def _judge_filter(unit: str, works: bool) -> str:
    """Return whether systemd closes the receiver's port to strangers: on, off (not desired) or missing."""
    return ("on" if works else "missing") if unit else "off"


def _describe_fortigate(target: TargetResult, metrics: str, ban_host: str) -> TargetResult:
    details = {
        **target.details,
        **_read_moments(target.host, metrics),
        **_count_lost(target.host, metrics),
    }
    loses = target.state == "ok" and details.get("unreadable")
    state: State = "differs" if loses else target.state
    notes = (*target.notes, *_list_lost_posts(details, ban_host))
    return replace(target, state=state, details=details, notes=notes)


def _count_lost(fortigate: str, metrics: str) -> dict[str, int]:
    """Return the number of posts of a FortiGate that were unreadable or over its rate."""
    return {
        key: int(value)
        for key, metric in _LOST.items()
        for labels, value in read_samples(metrics, metric)
        if labels.get("fortigate") == fortigate
    }


def list_notes(results: Sequence[SiteResult]) -> list[str]:
    """Return one line for each note about a healthy site."""
    return [
        f"{target.host}: {escape(note, but='')}"
        for site in results
        for target in site.targets
        for note in (
            *describe_cluster(target.details),
            *_list_lost_posts(target.details, site.name),
            *_list_host_notes(target.details),
        )
    ]


def _list_host_notes(details: Mapping[str, Any]) -> list[str]:
    feed = details.get("feed", {}).get("problems", ())
    notes = [*list_alarm_notes(details), *_list_refusals(details), *feed]
    if details.get("left_out"):
        lost = details["left_out"]
        bans = f"{spell_count(lost, 'ban')} {'has' if lost == 1 else 'have'} no room in the feed"
        notes.append(f"{bans}: raise receiver_feed_limit, or unban some")
    for fortigate, number in details.get("bans_refused", {}).items():
        sender = "no known FortiGate" if fortigate == "-" else fortigate
        were = f"{spell_count(number, 'new ban')} by events of {sender} {'was' if number == 1 else 'were'}"
        limit = "refused in the last hour: if they are attackers, raise receiver_ban_limit"
        notes.append(f"{were} {limit}; bans --history shows since when")
    if details.get("filter") == "missing":
        notes.append(NO_FILTER)
    if "page" in details:
        off = "the status page is off: set receiver_status_page: true to serve it"
        notes.append(f"status page: {details['page']}" if details["page"] else off)
    return notes


def _list_lost_posts(details: Mapping[str, Any], ban_host: str) -> list[str]:
    notes = []
    if details.get("unreadable"):
        notes.append(describe_unreadable_posts(details["unreadable"], ban_host))
    if details.get("limited"):
        posts = f"{spell_count(details['limited'], 'post')} over the rate refused {_SINCE}"
        notes.append(f"{posts}: see receiver_rate and receiver_burst")
    return notes


def _list_refusals(details: Mapping[str, Any]) -> list[str]:
    refused = {why: number for why, number in details.get("refused", {}).items() if number}
    if not refused:
        return []
    reasons = ", ".join(f"{_WHY[why]}: {number}" for why, number in refused.items())
    total = spell_count(sum(refused.values()), "request")
    return [f"{total} refused {_SINCE} ({reasons}): see journalctl -u banstitch-receiver"]


def _list_jails(target: TargetResult, resources: Sequence[Resource]) -> dict[str, str]:
    """Return each jail with its state: down if `apply` would start it, otherwise up."""
    if target.error:  # without a plan, the state of jails is unknown
        return {}
    down = {change.id for change in target.changes if change.action == "start"}
    return {r.name: "down" if str(r.id) in down else "up" for r in resources if isinstance(r, Jail)}


def _read_moments(fortigate: str, metrics: str) -> dict[str, float]:
    """Return the times of a FortiGate's last post and poll, and the seconds from post to poll; 0: none."""
    return {
        key: value
        for key in ("last_event", "last_poll", "fetch_delay")
        for labels, value in read_samples(metrics, f"banstitch_{key}_seconds")
        if labels.get("fortigate") == fortigate
    }


def build_rows(results: Sequence[SiteResult], now: float) -> list[Sequence[str]]:
    """Return a row for each target with the columns of :data:`HEADS`; ``now`` in epoch seconds."""
    return [_build_row(site.name, target, now) for site in results for target in site.targets]


def _build_row(site: str, target: TargetResult, now: float) -> Sequence[str]:
    details = target.details
    was_observed = target.state in ("ok", "differs")
    drift = str(len(target.changes)) if was_observed else UNKNOWN
    head = (site, target.host, target.state, drift)
    if target.kind == "fortios":
        moments = (_format_age(details.get(key), now) for key in ("last_event", "last_poll"))
        return (*head, "", "", "", "", *moments, str(details.get("version", UNKNOWN)))
    if "receiver" not in details:
        return (*head, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, "", "", UNKNOWN)
    known = details["bans"] or not details["jails"]
    metrics = str(sum(details["bans"].values())) if known else UNKNOWN
    certificate = _format_certificate(details["certificate"])
    jails = _format_jails(details["jails"]) if was_observed else UNKNOWN
    versions = _format_versions(details["versions"])
    return (*head, details["receiver"], jails, metrics, certificate, "", "", versions)


def _format_jails(jails: Mapping[str, str]) -> str:
    down = [describe_jail(name) for name, word in jails.items() if word == "down"]
    return f"down: {', '.join(down)}" if down else f"{len(jails)} up"


def _format_certificate(known: Mapping[str, Any]) -> str:
    if known["kind"] == "off":
        return "off"
    if known["days"] is None:
        return "none: run apply"
    left = spell_count(known["days"], "day") if known["days"] >= 0 else "expired"
    return f"{left}: {known['todo']}" if known["todo"] else left


def _format_age(moment: float | None, now: float) -> str:
    if not moment:
        return UNKNOWN if moment is None else "none yet"
    age = max(0, now - moment)
    size, unit = next((size, unit) for least, unit, size in _AGES if age >= least)
    return f"{age // size:.0f} {unit} ago"


def _format_versions(versions: Mapping[str, str]) -> str:
    """Return the versions without Debian's epoch and revision; --json has them in full."""
    fail2ban = re.sub(r"^\d+:|[-+].*$", "", versions.get("fail2ban", "none"))
    return f"Debian {versions.get('debian', UNKNOWN)}, fail2ban {fail2ban}"
