"""The base of all kinds of resources."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, TypedDict

from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.state import PathState
from provision.linux.draft import Draft


class Resource(ABC):
    """One thing that a ban host should hold, as frozen data."""

    @property
    @abstractmethod
    def id(self) -> ResourceId:
        """The kind, and the name or path."""

    def add_to_request(self, request: Observe) -> None:
        """Add what the agent must observe for :meth:`plan` to the request."""

    def plan(self, draft: Draft) -> None:
        """Add the changes and steps that turn the observed state into the desired one."""

    def plan_effects(self, draft: Draft, desired: Sequence[Resource]) -> None:
        """Add the consequences of all changes to ``desired``, which are in the draft by now."""


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


class Attributes(TypedDict):
    """The fields that each step for something on disk has."""

    path: str
    mode: int
    owner: str
    group: str


def read_attributes(resource: OnDisk) -> Attributes:
    """Return path, mode, owner and group."""
    return {
        "path": resource.path,
        "mode": resource.mode,
        "owner": resource.owner,
        "group": resource.group,
    }


def compare_attributes(resource: OnDisk, state: PathState) -> str:
    """Return lines such as ``-mode 0644`` and ``+mode 0640``; empty if nothing differs."""
    compared = (
        ("mode", f"{state.mode:04o}", f"{resource.mode:04o}"),
        ("owner", state.owner, resource.owner),
        ("group", state.group, resource.group),
    )
    return "\n".join(
        f"-{name} {found}\n+{name} {desired}"
        for name, found, desired in compared
        if found != desired
    )


def join_diffs(*diffs: str) -> str:
    """Return the diffs that are not empty as one."""
    return "\n".join(filter(None, diffs))
