"""Notes of `status` on alarms, clusters and what rules found; tables of `alarms` and `status --stale`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

from banstitch_shared.alarm_notes import SEVERITIES, find_kind
from banstitch_shared.shield_file import Shield, describe_shield

from provision.cli.report.samples import read_samples
from provision.errors import spell_count
from provision.results import SiteResult, TargetResult, format_timestamp

# Alarms and users that are named, the latest.
_MOST_NAMED = 5
NO_FILTER = (
    "systemd does not filter addresses yet: the receiver's port is open to any address, and only the"
    " receiver itself refuses strangers; systemctl restart banstitch-receiver.socket turns the filter on"
    " (connections are refused for a moment), unless the kernel of this host lacks BPF"
)
# Kinds of alarms that `status` has notes of its own about.
_NOTED = ("attacked", "login", "shield", "unreadable", "ban_limit", "full")
_NEVER = "has not polled yet, as far as its ban host knows"
HEADS = ("site", "severity", "since", "alarm")


def list_alarm_notes(details: Mapping[str, Any]) -> list[str]:
    """Return one line each for the shield, users under attack, the last logins, stale names and alarms."""
    shield = details.get("shield")
    return [
        *([describe_shield(Shield(**shield))] if shield else []),
        *_describe_attacked(details.get("attacked", ())),
        *_list_alarms(details),
        *_list_stale(details),
        *_describe_peers(details.get("peers", ())),
        *_describe_active(details.get("active", ())),
    ]


class PeerState(TypedDict):
    """A site that shares bans. ``bans``: those that count here; ``refused``: of somebody who is spared.

    ``answered``: epoch of its last answer, 0 for never; ``counts``: whether its bans count now.
    """

    group: str
    site: str
    bans: int
    refused: int
    answered: float
    counts: bool


def read_peers(metrics: str, peers: Sequence[tuple[str, str]]) -> list[PeerState]:
    """Return what each site that shares bans offers, by the receiver's metrics."""
    numbers = {
        (labels.get("group"), labels.get("peer"), name): number
        for name in ("bans", "refused", "up", "answer_seconds")
        for labels, number in read_samples(metrics, "banstitch_shared_" + name)
    }
    return [
        PeerState(
            group=group,
            site=site,
            bans=int(numbers.get((group, site, "bans"), 0)),
            refused=int(numbers.get((group, site, "refused"), 0)),
            answered=numbers.get((group, site, "answer_seconds"), 0.0),
            counts=numbers.get((group, site, "up")) == 1,
        )
        for group, site in peers
    ]


def _describe_peers(peers: Sequence[PeerState]) -> Iterator[str]:
    """Yield a line for the peers that answer, and one for each that does not."""
    good = [peer for peer in peers if peer["counts"]]
    if good:
        each = [
            f"{peer['site']} {peer['bans']}"
            + (f" (and {peer['refused']} that this site spares)" if peer["refused"] else "")
            for peer in good
        ]
        yield f"bans shared by other sites: {', '.join(each)}"
    for peer in peers:
        if not peer["counts"]:
            at = peer["answered"]
            since = f"since {format_timestamp(at)}" if at else "yet"
            yield (
                f"site {peer['site']} (group {peer['group']}) has not shared its bans {since}, so they"
                " do not count: see journalctl -u banstitch-watch"
            )


def _describe_active(active: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for the active alarms that no other note is about."""
    others = [each for each in active if find_kind(each["key"]) not in _NOTED]
    if not others:
        return []
    ordered = sorted(others, key=lambda each: SEVERITIES.index(each["severity"]), reverse=True)
    named = [each["text"] for each in ordered[:_MOST_NAMED]]
    return [f"{spell_count(len(others), 'alarm')} (see `alarms`): {'; '.join(named)}"]


def build_alarm_rows(results: Sequence[SiteResult]) -> list[Sequence[str]]:
    """Return a row for each active alarm of each site."""
    return [
        (site.name, alarm["severity"], format_timestamp(alarm["since"]), alarm["text"])
        for site in results
        for target in site.targets
        for alarm in target.details.get("alarms", ())
    ]


def list_channels(results: Sequence[SiteResult], tested: bool) -> list[str]:
    """Return a line for each channel of each site, and the notes of the ban hosts.

    ``tested``: the channels report what came back from a test; otherwise only their errors are lines.
    """
    lines = []
    for site in results:
        for target in site.targets:
            lines += [f"{site.name}: {note}" for note in target.notes]
            channels = target.details.get("channels", {})
            if tested:
                lines += [f"{site.name}: {name}: {answer}" for name, answer in channels.items()]
            else:
                failing = {name: error for name, error in channels.items() if error}
                lines += [f"{site.name}: {n} fails: {error}" for n, error in failing.items()]
    return lines


def mark_failed_channels(site: SiteResult) -> SiteResult:
    """Return the result of a test as failed where a channel failed."""

    def mark(target: TargetResult) -> TargetResult:
        answers = target.details.get("channels", {}).values()
        has_failed = any(not answer.startswith("ok") for answer in answers)
        return replace(target, state="failed") if has_failed and not target.error else target

    return SiteResult(site.name, tuple(map(mark, site.targets)))


def add_stale(site: SiteResult, fortigates: Sequence[str], seconds: int, now: float) -> SiteResult:
    """Return the result of a ban host with one for each of its ``fortigates``: failed if it is stale."""
    (host,) = site.targets
    if host.error:
        return site
    metrics = host.details["metrics"]
    samples = read_samples(metrics, "banstitch_last_poll_seconds")
    polls = {labels.get("fortigate", ""): at for labels, at in samples}
    stale = {
        name: f"has not polled for {_format_hours(now - polls[name])}"
        if polls.get(name)
        else _NEVER
        for name in fortigates
        if now - polls.get(name, 0) > seconds
    }
    found = tuple(
        TargetResult(
            name, "fortios", "failed" if name in stale else "ok", error=stale.get(name, "")
        )
        for name in fortigates
    )
    return SiteResult(site.name, (replace(host, details={}), *found))


def _format_hours(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _describe_attacked(attacked: Sequence[Mapping[str, Any]]) -> list[str]:
    if not attacked:
        return []
    named = [
        f"{each['user']} (from {spell_count(each['sources'], 'address')})"
        for each in attacked[:_MOST_NAMED]
    ]
    more = [f"{len(attacked) - _MOST_NAMED} more"] if len(attacked) > _MOST_NAMED else []
    users = spell_count(len(attacked), "user")
    return [
        f"{users} under attack; addresses that try them are banned: {', '.join([*named, *more])}"
    ]


def _list_alarms(details: Mapping[str, Any]) -> list[str]:
    return [
        f"ALARM: {alarm['user'] or 'somebody'} logged in from {alarm['address']} at"
        f" {format_timestamp(alarm['at'])} after {spell_count(alarm['failures'], 'failure')}: if that was"
        " not the user, change the password and end the session"
        for alarm in details.get("alarms", ())[-_MOST_NAMED:]
    ]


def _list_stale(details: Mapping[str, Any]) -> list[str]:
    return [_describe_stale(**each) for each in details.get("stale", ())]


def _describe_stale(name: str, at: float, error: str) -> str:
    why = f" ({error})" if error else ""
    if not at:
        what = "could not be looked up yet, so it spares nobody"
    else:
        what = f"was last looked up at {format_timestamp(at)}, and that answer still counts"
    return f"detection_ignore: {name} {what}{why}: see journalctl -u banstitch-watch"


def describe_cluster(details: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line that names the members of a cluster; nothing without one.

    The members of an active-active cluster all fetch feeds (KB 293570).
    """
    cluster = details.get("cluster")
    if not cluster:
        return
    active = [_name(each) for each in cluster["members"] if each["active"]]
    others = [_name(each) for each in cluster["members"] if not each["active"]]
    is_shared = cluster["mode"] == "a-a"
    line = f"cluster ({cluster['mode']}): {', '.join(active) or 'no member'} is the primary"
    line += " and posts; all members poll" if is_shared else ", which polls and posts"
    if others:
        line += f"; {', '.join(others)} {'is' if len(others) == 1 else 'are'} secondary"
    if cluster["took_over_from"]:
        line += f"; it took over from {cluster['took_over_from']} after the last apply"
    yield line


def _name(member: Mapping[str, Any]) -> str:
    return f"{member['name']} ({member['serial']})"
