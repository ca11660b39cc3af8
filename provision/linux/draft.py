"""A plan for a ban host, and what it is while it is being written."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from provision.plan import Change

Step = dict[str, Any]
Observed = Mapping[str, Any]


@dataclass(frozen=True)
class LinuxPlan:
    """The changes of a ban host, and the steps that the agent takes to make them."""

    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass
class Draft:
    """A plan while it is being written."""

    observed: Observed
    owned: frozenset[str]
    adopt: bool
    changes: list[Change] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    makes: list[Step] = field(default_factory=list)
    files: list[Step] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)
    services: list[Step] = field(default_factory=list)
    # after everything else, since FortiGates notice it
    last: list[Step] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def change(self, identity: str, action: str, diff: str = "", reason: str = "") -> None:
        """One more change for the operator to read."""
        self.changes.append(Change(identity, action, diff, reason))

    def claim(self, identity: str, path: str, what: str) -> None:
        """Claim ``path`` for a change: it is ours, or the operator lets us adopt it."""
        if identity not in self.owned and not self.adopt:
            self.conflicts.append(f"{path} {what}")


def text_of(state: Mapping[str, Any] | None) -> str | None:
    """The content of an observed file as text; None where there is none or it is not known."""
    if state is None or state["content"] is None:
        return None
    return base64.b64decode(state["content"]).decode("utf-8", "replace")
