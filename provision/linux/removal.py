"""Taking things back: what an older inventory left, and all of it at teardown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from banstitch_shared import jails

from provision.linux.agent.protocol import MEMORY
from provision.linux.draft import Draft, LinuxPlan, Observed, Step, text_of
from provision.plan import unified_diff

_UNITS = "file:/etc/systemd/system/"


def unit_of(identity: str) -> str:
    """Return the name of the unit that an object of the manifest is the file of; empty if it is none."""
    name = identity.removeprefix(_UNITS)
    return "" if name == identity or "/" in name else name


def teardown(
    observed: Observed, purge_data: bool = False, keep_packages: bool = False
) -> LinuxPlan:
    """Plan the return to the state before the first run; empty if there was none."""
    manifest = observed["manifest"]
    if not manifest:
        return LinuxPlan()
    draft = Draft(observed, frozenset(), adopt=True)
    ours = list(filter(None, (unit_of(entry["id"]) for entry in manifest["objects"])))
    steps: list[Step] = []
    for name in ours:
        draft.change(f"service:{name}", "stop")
        steps.append({"do": "stop-service", "name": name})
    entries = list(reversed(manifest["objects"]))
    files = [e for e in entries if not e["id"].startswith(("user:", "directory:"))]
    rest = [e for e in entries if e["id"].startswith("directory:")]
    rest += [e for e in entries if e["id"].startswith("user:")]
    for entry in [*files, *rest]:
        if entry["data"] and not purge_data:
            continue
        removal(entry, draft)
    steps.append({"do": "take-back", "ids": [e["id"] for e in files], "purge": purge_data})
    for name in (name for name in manifest["services"] if name not in ours):
        draft.change(f"service:{name}", "restore")
        steps.append({"do": "put-back-service", "name": name})
    if purge_data:
        steps.append({"do": "purge-bans", "prefix": jails.PREFIX})
    if manifest["packages"] and not keep_packages:
        for name in manifest["packages"]:
            if observed["packages"].get(name):
                draft.change(f"package:{name}", "remove")
        steps.append({"do": "purge-packages"})
    steps.append({"do": "take-back", "ids": [e["id"] for e in rest], "purge": purge_data})
    steps.append({"do": "forget"})
    return LinuxPlan(tuple(draft.changes), tuple(_warnings(observed)), tuple(steps))


def _warnings(observed: Observed) -> Iterator[str]:
    """Give what an operator should know before: whose bans end, and what no change speaks of."""
    counts = list(observed["bans"].values())
    live = None if None in counts else sum(counts)
    if live != 0:
        yield f"{ended(live)}: nobody of them is kept out from then on"
    if MEMORY in observed["foreign"]:
        yield f"{MEMORY} stays, since it holds what is not ours: {_foreign(MEMORY, observed)}"


def ended(live: int | None) -> str:
    """So many bans that end, in words; None for an unknown number."""
    if live is None:
        return "live bans, which cannot be counted, end"
    return f"{live} live ban{'s end' if live != 1 else ' ends'}"


def removal(entry: Mapping[str, Any], draft: Draft, reason: str = "") -> None:
    """Plan that an object of the manifest goes, or gives way to what stood there before."""
    kind, _, name = entry["id"].partition(":")
    if kind == "directory" and not entry["restores"] and name in draft.observed["foreign"]:
        stays = f"it stays, since it holds what is not ours: {_foreign(name, draft.observed)}"
        draft.change(entry["id"], "empty", "", "; ".join(filter(None, (reason, stays))))
        return
    state = draft.observed["paths"].get(name) if kind == "file" else None
    diff = "" if entry["restores"] or entry["data"] else unified_diff(name, text_of(state), None)
    action = "restore" if entry["restores"] else "delete"
    draft.change(entry["id"], action, diff, reason)


def _foreign(path: str, observed: Observed) -> str:
    """Return the names of what somebody else put into a directory of ours."""
    found = observed["foreign"][path]
    return ", ".join([*found["names"], *(["and others"] if found["more"] else [])])


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
