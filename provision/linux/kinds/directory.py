"""Directories."""

from __future__ import annotations

from dataclasses import dataclass

from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.steps import MakeDirectory
from provision.linux.draft import Draft
from provision.linux.kinds.resource import Resource, compare_attributes, read_attributes


@dataclass(frozen=True)
class Directory(Resource):
    """A directory. ``data`` marks one that teardown keeps (owned by root) unless data are purged."""

    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"
    data: bool = False

    @property
    def id(self) -> ResourceId:
        return ResourceId("directory", self.path)

    def add_to_request(self, request: Observe) -> None:
        """Ask for its mode and owner, and for the bans in a data directory."""
        request.paths.append(self.path)
        # only root can write there, so its ban files can be trusted
        if self.data and self.owner == "root":
            request.spools.append(self.path)

    def plan(self, draft: Draft) -> None:
        """Create it, or correct its mode and owner. Its content does not matter here."""
        state = draft.observed.paths.get(self.path)
        step = MakeDirectory(data=self.data, **read_attributes(self))
        if state is None:
            draft.change(self.id, "create")
            draft.makes.append(step)
            return
        if state.type != "directory":
            draft.conflicts.append(f"{self.path} is a {state.type}, not a directory")
            return
        diff = compare_attributes(self, state)
        if diff and not self.data:
            draft.claim(self.id, self.path, "exists with another mode or owner")
        if diff or self.id not in draft.owned:
            draft.change(self.id, "update" if diff else "take over", diff)
            draft.makes.append(step)
