"""The state of each site for `status`: observe it, read the receiver's numbers, and build a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from banstitch_shared.jails import JAIL_NAME, name_detection
from banstitch_shared.tokens import VERIFY

from provision.cli.report.samples import read_samples
from provision.desired import collect
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
from provision.plan import State
from provision.results import SiteResult, TargetResult, summarize
from provision.sites.builder import Selected

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
_SINCE = "since the receiver's start"
_JAIL = re.compile(JAIL_NAME)
_WHY = {
    "refused_address": "address not allowed",
    "refused_token": "wrong token",
    "refused_feed": "wrong password",
    "refused_page": "wrong login",
    "too_large": "too large",
}
NO_FILTER = (
    "systemd does not filter addresses yet: the receiver's port is open to everybody, and only the"
    " receiver itself refuses them; systemctl restart banstitch-receiver.socket turns the filter on"
    " (connections are refused for a moment), unless the kernel of this host has none"
)
_AGES = ((2 * 86400, "d", 86400), (2 * 3600, "h", 3600), (120, "min", 60), (0, "s", 1))


def collect_status(run: Run, selected: Selected) -> SiteResult:
    """Observe every target as plan does, and read the receiver's numbers from the ban host."""
    looked = summarize(SiteRun(run, selected).plan())
    wanted = collect.render_resources(selected.site, run.plays)
    source = collect.request_status(selected.site, run.plays)
    asked = TargetResult(selected.site.name, "linux", "unreachable")
    if not any(
        target.kind == "linux" and target.state == "unreachable" for target in looked.targets
    ):
        question = replace(source.request, sealed=build_request(wanted).sealed)
        (asked,) = ask(run, selected, question).targets
    numbers = asked.details.get("metrics", "")
    posters = {"-", VERIFY, *(fortigate.name for fortigate in selected.site.fortigates)}
    return SiteResult(
        looked.name,
        tuple(
            _describe_host(target, asked, wanted, source, posters)
            if target.kind == "linux"
            else _describe_fortigate(target, numbers, selected.site.name)
            for target in looked.targets
        ),
    )


def _describe_host(
    target: TargetResult,
    asked: TargetResult,
    wanted: Sequence[Resource],
    source: StatusSource,
    posters: Set[str],
) -> TargetResult:
    if asked.state == "unreachable" or asked.error:
        state: State = asked.state if target.state in ("ok", "differs") else target.state
        error = target.error or asked.error
        return replace(target, state=state, execs=target.execs + asked.execs, error=error)
    numbers = asked.details["metrics"]
    details = {
        "receiver": _judge_receiver(numbers),
        "jails": _list_jails(target, wanted),
        "bans": {
            of["jail"]: int(value)
            for of, value in read_samples(numbers, "banstitch_bans")
            if _JAIL.fullmatch(of.get("jail", ""))
        },
        "certificate": describe_expiry(wanted, _read_days_left(asked)),
        "versions": asked.details["versions"],
        "left_out": sum(int(n) for _, n in read_samples(numbers, "banstitch_feed_left_out")),
        "bans_refused": _count_refused_bans(numbers, posters),
        "page": source.page,
        "refused": {
            of["why"]: int(n)
            for of, n in read_samples(numbers, "banstitch_refused_total")
            if of.get("why") in _WHY
        },
        "filter": _judge_filter(source.request.filters, asked.details.get("filters", False)),
    }
    notes = (*target.notes, *_list_host_notes(details))
    well = target.state == "ok" and not details["bans_refused"]
    state = "ok" if well else "differs" if target.state == "ok" else target.state
    execs = target.execs + asked.execs
    return replace(target, state=state, execs=execs, details=details, notes=notes)


def _read_days_left(asked: TargetResult) -> dict[str, float | None]:
    return {
        path: found and found["days_left"] for path, found in asked.details["certificates"].items()
    }


def _count_refused_bans(numbers: str, posters: Set[str]) -> dict[str, int]:
    """Return how many new bans were over the limit within the last hour, by FortiGate."""
    samples = read_samples(numbers, "banstitch_bans_refused")
    return {of["fortigate"]: int(n) for of, n in samples if n and of.get("fortigate") in posters}


def _judge_receiver(numbers: str) -> str:
    """Return whether the receiver is up: unknown where something else answered in its place."""
    if not numbers:
        return "down"
    up = read_samples(numbers, "banstitch_up")
    return UNKNOWN if not up else "up" if up[0][1] else "unhealthy"


def _judge_filter(unit: str, works: bool) -> str:
    """Return whether systemd closes the receiver's port to strangers: on, off (not wanted) or missing."""
    return ("on" if works else "missing") if unit else "off"


def _describe_fortigate(target: TargetResult, numbers: str, ban_host: str) -> TargetResult:
    details = {
        **target.details,
        **_read_moments(target.host, numbers),
        **_count_lost(target.host, numbers),
    }
    loses = target.state == "ok" and details.get("unreadable")
    state: State = "differs" if loses else target.state
    notes = (*target.notes, *_list_lost_posts(details, ban_host))
    return replace(target, state=state, details=details, notes=notes)


def _count_lost(fortigate: str, numbers: str) -> dict[str, int]:
    """Return how many posts of a FortiGate could not be read, also lately, or were over its rate."""
    return {
        key: int(value)
        for key, metric in _LOST.items()
        for of, value in read_samples(numbers, metric)
        if of.get("fortigate") == fortigate
    }


def list_notes(results: Sequence[SiteResult]) -> list[str]:
    """Return one line for each note about a healthy site."""
    return [
        f"{target.host}: {note}"
        for site in results
        for target in site.targets
        for note in (
            *_list_lost_posts(target.details, site.name),
            *_list_host_notes(target.details),
        )
    ]


def _list_host_notes(details: Mapping[str, Any]) -> list[str]:
    notes = _list_refusals(details)
    if details.get("left_out"):
        lost = details["left_out"]
        have = f"{spell_count(lost, 'ban')} {'has' if lost == 1 else 'have'} no room in the feed"
        notes.append(f"{have}: raise receiver_feed_limit, or unban")
    for fortigate, number in details.get("bans_refused", {}).items():
        whose = "no known FortiGate" if fortigate == "-" else fortigate
        were = f"{spell_count(number, 'new ban')} by events of {whose} {'was' if number == 1 else 'were'}"
        limit = "refused in the last hour: if they are attackers, raise receiver_ban_limit"
        notes.append(f"{were} {limit}; bans --history shows since when")
    if details.get("filter") == "missing":
        notes.append(NO_FILTER)
    if "page" in details:
        off = "the status page is off: receiver_status_page: true turns it on"
        notes.append(f"status page: {details['page']}" if details["page"] else off)
    return notes


def _list_lost_posts(details: Mapping[str, Any], ban_host: str) -> list[str]:
    notes = []
    if details.get("unreadable"):
        notes.append(describe_unreadable_posts(details["unreadable"], ban_host))
    if details.get("limited"):
        posts = f"{spell_count(details['limited'], 'post')} over the rate {_SINCE}"
        notes.append(f"{posts}, not taken: see receiver_rate and receiver_burst")
    return notes


def _list_refusals(details: Mapping[str, Any]) -> list[str]:
    refused = {why: number for why, number in details.get("refused", {}).items() if number}
    if not refused:
        return []
    whys = ", ".join(f"{_WHY[why]}: {number}" for why, number in refused.items())
    total = spell_count(sum(refused.values()), "request")
    return [f"{total} refused {_SINCE} ({whys}): see journalctl -u banstitch-receiver"]


def _list_jails(target: TargetResult, wanted: Sequence[Resource]) -> dict[str, str]:
    """Return each jail, up or down: one that does not run is one that `apply` would start."""
    if target.error:  # there is no plan that could name those that are down
        return {}
    down = {change.id for change in target.changes if change.action == "start"}
    return {r.name: "down" if str(r.id) in down else "up" for r in wanted if isinstance(r, Jail)}


def _read_moments(fortigate: str, numbers: str) -> dict[str, float]:
    """Return the times of a FortiGate's last post and last poll in epoch seconds; 0 for not yet."""
    return {
        key: value
        for key in ("last_event", "last_poll")
        for of, value in read_samples(numbers, f"banstitch_{key}_seconds")
        if of.get("fortigate") == fortigate
    }


def build_rows(results: Sequence[SiteResult], now: float) -> list[Sequence[str]]:
    """Return a row for each target with the columns of :data:`HEADS`; ``now`` in epoch seconds."""
    return [_build_row(site.name, target, now) for site in results for target in site.targets]


def _build_row(site: str, target: TargetResult, now: float) -> Sequence[str]:
    details = target.details
    looked = target.state in ("ok", "differs")
    drift = str(len(target.changes)) if looked else UNKNOWN
    head = (site, target.host, target.state, drift)
    if target.kind == "fortios":
        moments = (_format_age(details.get(key), now) for key in ("last_event", "last_poll"))
        return (*head, "", "", "", "", *moments, str(details.get("version", UNKNOWN)))
    if "receiver" not in details:
        return (*head, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, "", "", UNKNOWN)
    known = details["bans"] or not details["jails"]
    numbers = str(sum(details["bans"].values())) if known else UNKNOWN
    certificate = _format_certificate(details["certificate"])
    jails = _format_jails(details["jails"]) if looked else UNKNOWN
    versions = _format_versions(details["versions"])
    return (*head, details["receiver"], jails, numbers, certificate, "", "", versions)


def _format_jails(jails: Mapping[str, str]) -> str:
    down = [name_detection(name) for name, word in jails.items() if word == "down"]
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
    """Format the versions without Debian's epoch and revision; --json has them in full."""
    fail2ban = re.sub(r"^\d+:|[-+].*$", "", versions.get("fail2ban", "none"))
    return f"Debian {versions.get('debian', UNKNOWN)}, fail2ban {fail2ban}"
