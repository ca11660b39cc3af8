"""Collect the groups, hosts and variables of all inventory sources, before they are combined.

Every form (YAML, INI, the JSON of a script) is read into one :class:`Material`.
:mod:`provision.inventory.groups` and :mod:`provision.inventory.loader` combine it for each host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provision.errors import Problem
from provision.inventory.sources.names import expand, split_port
from provision.inventory.variables import Variable, Where
from provision.inventory.vault.keyring import Keyring

ALL, UNGROUPED = "all", "ungrouped"
PRIORITY = "ansible_group_priority"


@dataclass
class GroupSource:
    """A group as the sources together describe it."""

    variables: dict[str, Variable] = field(default_factory=dict)
    children: dict[str, Where] = field(default_factory=dict)
    hosts: dict[str, Where] = field(default_factory=dict)
    priority: int = 1


@dataclass
class HostSource:
    """A host as the sources together describe it; ``where`` is the first place that names it."""

    where: Where
    variables: dict[str, Variable] = field(default_factory=dict)


@dataclass(frozen=True)
class Doubt:
    """A problem that is an error only if ``group`` is one of Banstitch's groups.

    In any other group it is a warning, as in Ansible; ``effect`` is its effect there. A doubt about
    something ``inherited``, such as a variable, is also an error in the parents of Banstitch's groups.
    """

    group: str
    problem: Problem
    effect: str = "it is ignored"
    inherited: bool = True

    def __str__(self) -> str:
        return str(Problem(self.problem.file, self.problem.line, self.problem.message, self.effect))


@dataclass
class Material:
    """The content of all sources of one inventory."""

    groups: dict[str, GroupSource] = field(default_factory=dict)
    hosts: dict[str, HostSource] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    # opens encrypted files and values
    keyring: Keyring = field(default_factory=Keyring)

    def group(self, name: str) -> GroupSource:
        """Return the group of this name; create it if there is none."""
        return self.groups.setdefault(name, GroupSource())

    def add_doubt(
        self, group: str, problem: Problem, effect: str = Doubt.effect, inherited: bool = True
    ) -> None:
        """Add a problem that is an error only in a group of Banstitch's."""
        self.doubts.append(Doubt(group, problem, effect, inherited))

    def add_child(self, parent: str, child: str, where: Where) -> None:
        """Add the group ``child`` to the group ``parent``."""
        self.group(child)
        self.group(parent).children.setdefault(child, where)

    def add_pattern(
        self, group: str, pattern: str, where: Where, variables: Mapping[str, Variable]
    ) -> None:
        """Add the hosts that ``pattern`` stands for to ``group``, each with ``variables``."""
        name, port = split_port(pattern)
        try:
            names = list(expand(name))
        except ValueError as error:
            message = f"host range {name}: {error}"
            self.add_doubt(group, where.problem(message, "write name[01:10]"))
            return
        for host in names:
            self.add_host(host, group, where, port)
            self.set_host(host, variables)

    def add_host(self, name: str, group: str, where: Where, port: int | None = None) -> None:
        """Add a host to ``group``; the port counts only at the first mention of the host."""
        if name not in self.hosts:
            self.hosts[name] = HostSource(where)
            if port is not None:
                self.hosts[name].variables["ansible_port"] = Variable(port, where)
        self.group(group).hosts.setdefault(name, where)

    def set_host(self, name: str, variables: Mapping[str, Variable]) -> None:
        """Set variables of a host, or of a group with the same name, as Ansible does."""
        if name in self.groups:
            self.set_group(name, variables)
        else:
            _update(self.hosts[name].variables, variables)

    def set_group(self, name: str, variables: Mapping[str, Variable]) -> None:
        """Set variables of a group, and its priority, which is not a variable."""
        remaining = dict(variables)
        if priority := remaining.pop(PRIORITY, None):
            try:
                self.group(name).priority = int(priority.value)  # type: ignore[call-overload]
            except (TypeError, ValueError):
                problem = priority.where.problem(
                    f"{PRIORITY} must be a whole number", "write one like 10"
                )
                self.add_doubt(name, problem)
        _update(self.group(name).variables, remaining)


def _update(known: dict[str, Variable], new: Mapping[str, Variable]) -> None:
    """Set variables; one that has the same value already keeps its place."""
    for name, variable in new.items():
        old = known.get(name)
        if old is None or variable.where.line or not _is_same(old.value, variable.value):
            known[name] = variable


def _is_same(old: object, new: object) -> bool:
    return type(old) is type(new) and old == new
