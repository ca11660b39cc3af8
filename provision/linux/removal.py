"""Plan removals: of what an older inventory left, and of everything at teardown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from banstitch_shared import jails

from provision.linux.agent.protocol.bounds import MEMORY
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.state import ManifestObject, ManifestSummary, Observed
from provision.linux.agent.protocol.steps import (
    Forget,
    PurgeBans,
    PurgePackages,
    PutBackService,
    Step,
    StopService,
    TakeBack,
)
from provision.linux.draft import Draft, LinuxPlan, text_of
from provision.linux.kinds.file import holds_secrets
from provision.plan import unified_diff

_UNITS = "/etc/systemd/system/"


def find_unit(identity: ResourceId) -> str:
    """Return the name of the unit whose file this object of the manifest is; empty if it is no unit."""
    name = identity.name.removeprefix(_UNITS)
    return "" if identity.kind != "file" or name == identity.name or "/" in name else name


def teardown(
    observed: Observed, purge_data: bool = False, keep_packages: bool = False
) -> LinuxPlan:
    """Plan the return to the state before the first run; empty if there was none."""
    manifest = observed.manifest
    if manifest is None:
        return LinuxPlan()
    draft = Draft(observed, frozenset(), adopt=True)
    units = list(filter(None, (find_unit(entry.id) for entry in manifest.objects)))
    files, directories, users = _split_objects(manifest)
    steps: list[Step] = [*_stop_units(units, draft)]
    for entry in (*files, *directories, *users):
        if purge_data or not entry.data:
            plan_removal(entry, draft)
    steps.append(TakeBack(_list_ids(files), purge_data))
    steps += _put_back_services(manifest, units, draft)
    if purge_data:
        steps.append(PurgeBans(jails.PREFIX))
    # before the packages: dpkg keeps its own directory while it holds one of ours
    steps.append(TakeBack(_list_ids(directories), purge_data))
    if manifest.packages and not keep_packages:
        for name in manifest.packages:
            if observed.packages.get(name):
                draft.change(ResourceId("package", name), "remove")
        steps.append(PurgePackages())
    steps += [TakeBack(_list_ids(users), purge_data), Forget()]
    return LinuxPlan(tuple(draft.changes), tuple(_list_warnings(observed)), tuple(steps))


def _split_objects(manifest: ManifestSummary) -> tuple[list[ManifestObject], ...]:
    """Return the files, the directories and the users, in the order of removal, the newest first."""
    entries = manifest.objects[::-1]
    directories = [entry for entry in entries if entry.id.kind == "directory"]
    users = [entry for entry in entries if entry.id.kind == "user"]
    files = [entry for entry in entries if entry.id.kind not in ("directory", "user")]
    return files, directories, users


def _list_ids(entries: Sequence[ManifestObject]) -> tuple[ResourceId, ...]:
    return tuple(entry.id for entry in entries)


def _stop_units(units: Sequence[str], draft: Draft) -> Iterator[Step]:
    for name in units:
        draft.change(ResourceId("service", name), "stop")
        yield StopService(name)


def _put_back_services(
    manifest: ManifestSummary, units: Sequence[str], draft: Draft
) -> Iterator[Step]:
    for name in manifest.services:
        if name not in units:
            draft.change(ResourceId("service", name), "restore")
            yield PutBackService(name)


def _list_warnings(observed: Observed) -> Iterator[str]:
    """Yield warnings about the bans that end, and about a directory that stays."""
    live = _add_up(observed)
    if live != 0:
        yield f"{describe_ended(live)}: these addresses are no longer denied"
    if MEMORY in observed.foreign:
        yield f"{MEMORY} stays, because it holds foreign files: {_name_foreign(MEMORY, observed)}"


def _add_up(observed: Observed) -> int | None:
    """Return the number of live bans; None if those of a jail cannot be counted."""
    total = 0
    for count in observed.bans.values():
        if count is None:
            return None
        total += count
    return total


def describe_ended(live: int | None) -> str:
    """Return a phrase about the number of bans that end; None is an unknown number."""
    if live is None:
        return "live bans, which cannot be counted, end"
    return f"{live} live ban{'s end' if live != 1 else ' ends'}"


def plan_removal(entry: ManifestObject, draft: Draft, reason: str = "") -> None:
    """Plan the removal of an object of the manifest, or the return of what was there before."""
    kind, name = entry.id.kind, entry.id.name
    if kind == "directory" and not entry.restores and name in draft.observed.foreign:
        stays = f"it stays, because it holds foreign files: {_name_foreign(name, draft.observed)}"
        draft.change(entry.id, "empty", "", "; ".join(filter(None, (reason, stays))))
        return
    state = draft.observed.paths.get(name) if kind == "file" else None
    hidden = entry.restores or entry.data or holds_secrets(name)
    diff = "" if hidden else unified_diff(name, text_of(state), None)
    draft.change(entry.id, "restore" if entry.restores else "delete", diff, reason)


def _name_foreign(path: str, observed: Observed) -> str:
    """Return the foreign names in a directory of ours."""
    found = observed.foreign[path]
    return ", ".join([*found.names, *(["and others"] if found.more else [])])


def plan_gone_jails(draft: Draft) -> None:
    """Add a change for each jail that is removed, because its bans leave the feed."""
    lines = {line for change in draft.changes for line in change.diff.splitlines()}
    for name, live in draft.observed.bans.items():
        if f"-[{name}]" not in lines:
            continue
        draft.change(ResourceId("jail", name), "stop")
        if live != 0:
            draft.warnings.append(
                f"jail {name} is removed: its {describe_ended(live)}, including those by hand;"
                " they return if you enable it again before they expire"
            )
