"""Notes of `status` on the shield, users under attack, logins after many failures, stale names, clusters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from banstitch_shared.shield_file import Shield, describe_shield

from provision.errors import spell_count
from provision.results import format_timestamp

# Alarms and users that are named, the latest.
_MOST_NAMED = 5
NO_FILTER = (
    "systemd does not filter addresses yet: the receiver's port is open to any address, and only the"
    " receiver itself refuses strangers; systemctl restart banstitch-receiver.socket turns the filter on"
    " (connections are refused for a moment), unless the kernel of this host lacks BPF"
)


def list_alarm_notes(details: Mapping[str, Any]) -> list[str]:
    """Return one line each for the shield, users under attack, the last alarms, and stale names."""
    shield = details.get("shield")
    return [
        *([describe_shield(Shield(**shield))] if shield else []),
        *_describe_attacked(details.get("attacked", ())),
        *_list_alarms(details),
        *_list_stale(details),
    ]


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
