"""Units and jails: what has to start, restart or load anew for the plan to take effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision.linux.draft import Draft, Step
from provision.linux.removal import ended
from provision.linux.resources import FAIL2BAN, Jail, Service


def plan_service(resource: Service, draft: Draft, owed: Mapping[str, str]) -> None:
    """A unit runs, answers, starts with the host, and has read what changed so far in ``draft``.

    ``owed``: services to what an interrupted run still owes them.
    """
    state = draft.observed["services"][resource.name]
    changed = {change.id for change in draft.changes}
    updated = {change.id for change in draft.changes if change.action != "create"}
    restarts = changed & set(resource.restart_on) or updated & set(resource.restart_on_update)
    verb, reasons = "none", []
    if restarts or owed.get(resource.name) == "restart":
        verb = "restart"
    elif changed & set(resource.reload_on) or owed.get(resource.name) == "reload":
        verb = "reload"
    if owed.get(resource.name):
        reasons.append("owed since an interrupted run")
    if not state["active"]:
        verb = "start"
    elif not state["answers"]:
        # it is asked as it should be, so one that is about to change may answer in another way
        if verb != "restart":
            reasons.append("it runs but does not answer")
        verb = "restart"
    actions = [*([] if state["enabled"] else ["enable"]), *([] if verb == "none" else [verb])]
    for action in actions:
        draft.change(resource.id, action, reason="; ".join(reasons))
    if actions:
        draft.services.append(_step(resource, verb))


def _step(resource: Service, verb: str) -> Step:
    return {
        "do": "service",
        "name": resource.name,
        "verb": verb,
        "reload_command": list(resource.reload_command),
        "answers": resource.answers,
        "certificate": resource.certificate,
    }


def as_loaded(jail: Jail) -> dict[str, int]:
    """Return the answer that the running server should give for ``jail``, times in seconds."""
    return {
        "max_retry": jail.max_retry,
        "find_time": jail.find_time,
        "ban_time": jail.ban_time,
    }


def plan_jail(resource: Jail, draft: Draft, services: Sequence[Service]) -> None:
    """A jail that the running server holds otherwise than it should is loaded anew."""
    state = draft.observed["jails"].get(resource.name)
    want = as_loaded(resource)
    if state == want:
        return
    if not any(step["name"] == FAIL2BAN and step["verb"] != "none" for step in draft.services):
        server = next(service for service in services if service.name == FAIL2BAN)
        draft.services = [s for s in draft.services if s["name"] != FAIL2BAN]
        draft.services.append(_step(server, "reload"))
        draft.change(server.id, "reload")
    lines = [f"-{k} {state[k]}\n+{k} {want[k]}" for k in want if state and state[k] != want[k]]
    draft.change(resource.id, "update" if state else "start", "\n".join(lines))


def plan_gone_jails(draft: Draft) -> None:
    """A jail that leaves its file takes its bans out of the feed: who applies must know before."""
    lines = {line for change in draft.changes for line in change.diff.splitlines()}
    for name, live in draft.observed["bans"].items():
        if f"-[{name}]" not in lines:
            continue
        draft.change(f"jail:{name}", "stop")
        if live != 0:
            draft.warnings.append(
                f"jail {name} goes: its {ended(live)} with it, those by hand as well;"
                " they are back if it is on again before their time is over"
            )
