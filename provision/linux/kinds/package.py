"""Packages of the distribution."""

from __future__ import annotations

from dataclasses import dataclass

from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.observe import Observe
from provision.linux.draft import Draft
from provision.linux.kinds.resource import Resource


@dataclass(frozen=True)
class Package(Resource):
    """A package of the distribution, installed without recommended ones."""

    name: str

    @property
    def id(self) -> ResourceId:
        return ResourceId("package", self.name)

    def add_to_request(self, request: Observe) -> None:
        """Ask whether it is installed."""
        request.packages.append(self.name)

    def plan(self, draft: Draft) -> None:
        """Install it if it is missing; all packages are installed in one step."""
        if not draft.observed.packages.get(self.name):
            draft.packages.append(self.name)
            draft.change(self.id, "install")
