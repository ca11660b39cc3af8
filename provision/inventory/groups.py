"""Build the tree of an inventory's groups, and order the groups by precedence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from provision.inventory.sources.material import ALL, UNGROUPED, Material
from provision.inventory.variables import Where


class Tree:
    """Groups with their parents and children; a loop is added to the material's problems."""

    def __init__(self, material: Material) -> None:
        self._material = material
        for name in (ALL, UNGROUPED):
            material.group(name)
        self._parents: dict[str, dict[str, Where]] = {name: {} for name in material.groups}
        for name, group in material.groups.items():
            for child, where in group.children.items():
                self._parents[child][name] = where
        self._check_all()
        self._children = self._collect_children()
        depths = self._measure_depths()
        priorities = {name: group.priority for name, group in material.groups.items()}
        # Ansible's order of groups: depth, then priority, then name; the last one wins
        self.ranked = sorted(depths, key=lambda name: (depths[name], priorities[name], name))

    def _check_all(self) -> None:
        for parent, where in self._parents[ALL].items():
            problem = where.problem(f"group all cannot be a child of {parent}", "remove it there")
            self._material.problems.append(problem)
        self._parents[ALL] = {}

    def _collect_children(self) -> dict[str, list[str]]:
        """Return the children of each group; a group without a parent is a child of ``all``."""
        children = {name: list(group.children) for name, group in self._material.groups.items()}
        orphans = [name for name, parents in self._parents.items() if not parents]
        first = [UNGROUPED] if UNGROUPED in orphans else []
        children[ALL] = list(dict.fromkeys([*first, *children[ALL], *orphans]))
        children[ALL].remove(ALL)
        return children

    def _measure_depths(self) -> dict[str, int]:
        """Return the number of steps from ``all`` to each group, along the longest path."""
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
        message = f"group {child} contains itself: {' > '.join(loop)}"
        where = self._parents[child][parent]
        self._material.problems.append(where.problem(message, "remove one of them"))

    def find_ancestors(self, names: Iterable[str]) -> set[str]:
        """Return ``names`` and every group that contains one of them."""
        return set(_collect_reachable(names, self._parents))

    def find_related(self, names: Sequence[str]) -> set[str]:
        """Return ``names``, the groups that contain them and the groups in them."""
        existing = [name for name in names if name in self._parents]
        return {*names, *self.find_containing(names), *_collect_reachable(existing, self._children)}

    def find_containing(self, names: Sequence[str]) -> set[str]:
        """Return the groups that contain one of ``names``, without ``names``."""
        existing = [name for name in names if name in self._parents]
        outer = {ALL} if names else set()
        return {*outer, *self.find_ancestors(existing)} - set(names)

    def order_groups(self, direct: Iterable[str]) -> tuple[str, ...]:
        """Return all groups of a host that is in the groups ``direct``, lowest precedence first."""
        named = set(direct) - {ALL, UNGROUPED} or {UNGROUPED}
        groups = self.find_ancestors(named) | {ALL}
        return tuple(name for name in self.ranked if name in groups)

    def list_members(self, groups_of: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """Return the hosts of each group, its own before those of its children.

        ``groups_of`` maps each host to its groups.
        """
        own: dict[str, list[str]] = {}
        for name, group in self._material.groups.items():
            own[name] = [host for host in group.hosts if name in groups_of[host]]
        own[UNGROUPED] = [host for host, groups in groups_of.items() if UNGROUPED in groups]
        return {
            name: tuple(
                dict.fromkeys(
                    host
                    for group in _collect_reachable([name], self._children)
                    for host in own[group]
                )
            )
            for name in self.ranked
        }


def _collect_reachable(names: Iterable[str], steps: Mapping[str, Iterable[str]]) -> list[str]:
    """Return ``names`` and all that can be reached from them over ``steps``, level by level."""
    level = reached = dict.fromkeys(names)
    while level:
        level = dict.fromkeys(new for name in level for new in steps[name] if new not in reached)
        reached |= level
    return list(reached)
