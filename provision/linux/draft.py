"""A plan for a ban host, and its draft."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.state import Observed, PathState
from provision.linux.agent.protocol.steps import BringUp, NewFile, Step
from provision.plan import Change


@dataclass(frozen=True)
class LinuxPlan:
    """The changes of a ban host, and the steps that the agent takes to make them."""

    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass
class Draft:
    """A plan that is being made."""

    observed: Observed
    owned: frozenset[ResourceId]
    adopt: bool
    # maps services to the restart or reload that an interrupted run still owes them
    owed: Mapping[str, str] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    makes: list[Step] = field(default_factory=list)
    files: list[NewFile] = field(default_factory=list)
    removes: list[ResourceId] = field(default_factory=list)
    services: list[BringUp] = field(default_factory=list)
    # after everything else, because FortiGates notice them
    last: list[Step] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def change(self, identity: ResourceId, action: str, diff: str = "", reason: str = "") -> None:
        """Add a change for the operator to read."""
        self.changes.append(Change(str(identity), action, diff, reason))

    def claim(self, identity: ResourceId, path: str, what: str) -> None:
        """Claim ``path`` for a change; add a conflict unless it is ours or may be adopted."""
        if identity not in self.owned and not self.adopt:
            self.conflicts.append(f"{path} {what}")


def text_of(state: PathState | None) -> str | None:
    """Return the content of an observed file as text; None if there is none or it is unknown."""
    if state is None or state.content is None:
        return None
    return base64.b64decode(state.content).decode("utf-8", "replace")
