"""Put the groups of an inventory together: what contains what, and in which order they apply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from provision.inventory.sources.material import ALL, UNGROUPED, Material
from provision.inventory.variables import Where


class Tree:
    """Groups and how they contain one another; loops are noted in the material as errors."""

    def __init__(self, material: Material) -> None:
        self._material = material
        for name in (ALL, UNGROUPED):
            material.group(name)
        self._parents: dict[str, dict[str, Where]] = {name: {} for name in material.groups}
        for name, group in material.groups.items():
            for child, where in group.children.items():
                self._parents[child][name] = where
        self._check_all()
        self._children = self._all_children()
        depths = self._depths()
        priorities = {name: group.priority for name, group in material.groups.items()}
        # Ansible's order among groups: depth, then priority, then name; the last one wins
        self.ranked = sorted(depths, key=lambda name: (depths[name], priorities[name], name))

    def _check_all(self) -> None:
        for parent, where in self._parents[ALL].items():
            problem = where.problem(f"group all cannot be a child of {parent}", "take it out")
            self._material.problems.append(problem)
        self._parents[ALL] = {}

    def _all_children(self) -> dict[str, list[str]]:
        """Return the children of each group; every group without a parent is a child of ``all``."""
        children = {name: list(group.children) for name, group in self._material.groups.items()}
        orphans = [name for name, parents in self._parents.items() if not parents]
        first = [UNGROUPED] if UNGROUPED in orphans else []
        children[ALL] = list(dict.fromkeys([*first, *children[ALL], *orphans]))
        children[ALL].remove(ALL)
        return children

    def _depths(self) -> dict[str, int]:
        """Return the steps from ``all`` to each group, along the longest way."""
        try:
            order = list(TopologicalSorter(self._parents).static_order())
        except CycleError as error:
            self._note_loop(error.args[1])
            return dict.fromkeys(self._parents, 0)
        depths: dict[str, int] = {ALL: 0}
        for name in order:
            depths.setdefault(name, 1 + max((depths[p] for p in self._parents[name]), default=0))
        return depths

    def _note_loop(self, loop: list[str]) -> None:
        parent, child = loop[-2:]
        what = f"group {child} contains itself: {' > '.join(loop)}"
        where = self._parents[child][parent]
        self._material.problems.append(where.problem(what, "take one of them out"))

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """Return ``names`` and every group around them."""
        return set(_reach(names, self._parents))

    def related(self, names: Sequence[str]) -> set[str]:
        """Return ``names``, whatever contains them and whatever they contain."""
        there = [name for name in names if name in self._parents]
        return {*names, *self.around(names), *_reach(there, self._children)}

    def around(self, names: Sequence[str]) -> set[str]:
        """Return the groups that contain one of ``names``, themselves left out."""
        there = [name for name in names if name in self._parents]
        outer = {ALL} if names else set()
        return {*outer, *self.ancestors(there)} - set(names)

    def groups_of(self, direct: Iterable[str]) -> tuple[str, ...]:
        """Return the groups of a host in order of precedence, lowest first."""
        named = set(direct) - {ALL, UNGROUPED} or {UNGROUPED}
        wanted = self.ancestors(named) | {ALL}
        return tuple(name for name in self.ranked if name in wanted)

    def members(self, groups_of: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """Return the hosts of each group: its own first, then those of its children."""
        own: dict[str, list[str]] = {}
        for name, group in self._material.groups.items():
            own[name] = [host for host in group.hosts if name in groups_of[host]]
        own[UNGROUPED] = [host for host, groups in groups_of.items() if UNGROUPED in groups]
        return {
            name: tuple(
                dict.fromkeys(host for each in _reach([name], self._children) for host in own[each])
            )
            for name in self.ranked
        }


def _reach(names: Iterable[str], steps: Mapping[str, Iterable[str]]) -> list[str]:
    """Return ``names`` and all that steps lead to, level by level."""
    level = found = dict.fromkeys(names)
    while level:
        level = dict.fromkeys(each for name in level for each in steps[name] if each not in found)
        found |= level
    return list(found)
