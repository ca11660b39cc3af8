"""System users."""

from __future__ import annotations

from dataclasses import dataclass

from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.steps import MakeUser
from provision.linux.draft import Draft
from provision.linux.kinds.resource import Resource


@dataclass(frozen=True)
class User(Resource):
    """A system user with a group of the same name, without a login and a home of its own."""

    name: str
    home: str = "/nonexistent"

    @property
    def id(self) -> ResourceId:
        return ResourceId("user", self.name)

    def add_to_request(self, request: Observe) -> None:
        """Ask whether it exists."""
        request.users.append(self.name)

    def plan(self, draft: Draft) -> None:
        """Create it, or adopt one of that name."""
        if draft.observed.users.get(self.name):
            if self.id in draft.owned:
                return
            draft.claim(self.id, f"user {self.name}", "exists")
            draft.change(self.id, "take over")
        else:
            draft.change(self.id, "create")
        draft.makes.append(MakeUser(self.name, self.home))
