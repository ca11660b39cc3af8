"""What all kinds of resources have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from provision.linux.draft import Draft


class Resource(ABC):
    """One thing that a ban host should hold, as frozen data."""

    @property
    @abstractmethod
    def id(self) -> str:
        """The kind and the name or path, such as ``file:/etc/banstitch/tokens.json``."""

    def add_to_request(self, request: dict[str, Any]) -> None:
        """Add what the agent must observe for :meth:`plan` to the request."""

    def plan(self, draft: Draft) -> None:
        """Add the changes and steps that turn the observed state into the desired one."""

    def plan_effects(self, draft: Draft, desired: Sequence[Resource]) -> None:
        """Add what follows from the changes of all of ``desired``, which are in the draft by now."""


class OnDisk(Protocol):
    """Something at a path, with a mode and an owner."""

    @property
    def path(self) -> str: ...
    @property
    def mode(self) -> int: ...
    @property
    def owner(self) -> str: ...
    @property
    def group(self) -> str: ...


def read_attributes(resource: OnDisk) -> dict[str, Any]:
    """Return path, mode, owner and group."""
    return {
        "path": resource.path,
        "mode": resource.mode,
        "owner": resource.owner,
        "group": resource.group,
    }


def compare_attributes(resource: OnDisk, state: Mapping[str, Any]) -> str:
    """Return lines such as ``-mode 0644`` and ``+mode 0640``; empty if nothing differs."""
    lines = []
    for key, desired in read_attributes(resource).items():
        if key != "path" and state[key] != desired:
            show = (lambda value: f"{value:04o}") if key == "mode" else str
            lines += [f"-{key} {show(state[key])}", f"+{key} {show(desired)}"]
    return "\n".join(lines)


def join_diffs(*diffs: str) -> str:
    """Return the diffs that are not empty as one."""
    return "\n".join(filter(None, diffs))
