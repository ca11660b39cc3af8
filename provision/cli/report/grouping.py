"""Group changes for the report: many new or deleted objects on one line, all others one by one.

Grouping changes only how a plan is printed, never what it contains.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from provision.errors import spell_count
from provision.plan import Change, Kind

_UNITS = "/etc/systemd/system/"
_ON_DISK = ("file", "directory", "tokens", "digests", "authority", "certificate")
_NOUNS = {"tokens": "token file", "digests": "digest file"}
# Actions on a whole object: there is nothing to compare its content with.
_WHOLE = ("create", "delete")


@dataclass(frozen=True)
class Group:
    """Changes that are printed under one head. ``cut``: their diffs are printed only with -D."""

    changes: tuple[Change, ...]
    head: str
    cut: bool = False

    @property
    def hidden(self) -> int:
        """Return the number of diffs that are printed only with -D."""
        return sum(bool(change.diff) for change in self.changes) if self.cut else 0

    @property
    def action(self) -> str:
        return self.changes[0].action

    @property
    def why(self) -> str:
        """Return the source of the changes, if not the inventory, and the reason."""
        first = self.changes[0]
        return "; ".join(
            filter(None, (f"from {first.source}" if first.source else "", first.reason))
        )


def list_one_by_one(changes: Iterable[Change]) -> list[Group]:
    """Return a group for each of ``changes``."""
    return [Group((change,), change.id) for change in changes]


def group_changes(changes: Sequence[Change], kind: Kind) -> list[Group]:
    """Return ``changes`` in groups, each at the position of its first change."""
    return _group_fortios(changes) if kind == "fortios" else _group_linux(changes)


def _group_fortios(changes: Sequence[Change]) -> list[Group]:
    """Group neighbours with the same action and reason, so that their CLI stays in the order of sending."""
    runs: list[list[Change]] = []
    for change in changes:
        key = (change.action, change.reason, change.source)
        if runs and key == (runs[-1][0].action, runs[-1][0].reason, runs[-1][0].source):
            runs[-1].append(change)
        else:
            runs.append([change])
    return [Group(tuple(run), _name_objects(run)) for run in runs]


def _name_objects(run: Sequence[Change]) -> str:
    if len(run) == 1:
        return run[0].id
    tables = dict.fromkeys(change.id.partition(":")[0] for change in run)
    return f"{len(run)} objects: {', '.join(tables)}"


def _group_linux(changes: Sequence[Change]) -> list[Group]:
    groups: dict[object, list[Change]] = {}
    for number, change in enumerate(changes):
        groups.setdefault(_find_key(change) or number, []).append(change)
    return [
        Group(tuple(group), _format_head(group), any(map(_is_cut, group)))
        for group in groups.values()
    ]


def _find_key(change: Change) -> tuple[str, ...]:
    """Return what the changes of a group have in common; empty for a change that is not grouped.

    A file without a role is not grouped, because only the ban host's manifest names it.
    """
    kind = change.id.partition(":")[0]
    common = (change.action, change.reason, change.source)
    if kind in _ON_DISK and change.action in _WHOLE and change.role:
        return ("on disk", change.role, *common)
    if kind in ("package", "service", "jail") and not change.diff:
        return (kind, *common)
    return ()


def _is_cut(change: Change) -> bool:
    return change.action in _WHOLE and bool(change.diff) and not change.source


def _format_head(changes: Sequence[Change]) -> str:
    if len(changes) == 1:
        return changes[0].id
    kinds, names = zip(*(change.id.split(":", 1) for change in changes), strict=True)
    if kinds[0] not in _ON_DISK:
        return f"{spell_count(len(names), kinds[0])}: {', '.join(names)}"
    counts = Counter(map(_choose_noun, kinds, names))
    objects = ", ".join(spell_count(number, kind) for kind, number in counts.items())
    return f"{changes[0].role}: {objects} in {', '.join(_list_places(kinds, names))}"


def _choose_noun(kind: str, name: str) -> str:
    unit = name.removeprefix(_UNITS)
    return "unit" if unit != name and "/" not in unit else _NOUNS.get(kind, kind)


def _list_places(kinds: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the directories of the objects, without those inside another one."""
    paths = {
        PurePosixPath(name) if kind == "directory" else PurePosixPath(name).parent
        for kind, name in zip(kinds, names, strict=True)
    }
    return sorted(str(path) for path in paths if not paths & set(path.parents))
