"""Jails of the running fail2ban server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.state import JailState
from provision.linux.agent.protocol.steps import AwaitJail
from provision.linux.draft import Draft
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import FAIL2BAN, Service


@dataclass(frozen=True)
class Jail(Resource):
    """A jail as the running fail2ban server must hold it. Times in seconds, ``ban_time`` -1 for ever.

    ``ban_file``: the path of the file that its action writes.
    """

    name: str
    max_retry: int
    find_time: int
    ban_time: int
    ban_file: str

    @property
    def id(self) -> ResourceId:
        return ResourceId("jail", self.name)

    def add_to_request(self, request: Observe) -> None:
        """Ask the server for its thresholds."""
        request.jails.append(self.name)

    def make_step(self) -> AwaitJail:
        """Return the step of the agent that waits until the server holds it."""
        return AwaitJail(self.name, self.max_retry, self.find_time, self.ban_time, self.ban_file)

    def plan_effects(self, draft: Draft, desired: Sequence[Resource]) -> None:
        """Reload fail2ban if its jail differs and it is not restarted anyway."""
        state = draft.observed.jails.get(self.name)
        desired_state = JailState(self.max_retry, self.find_time, self.ban_time)
        if state == desired_state:
            return
        if not any(step.name == FAIL2BAN and step.verb != "none" for step in draft.services):
            services = (resource for resource in desired if isinstance(resource, Service))
            server = next(service for service in services if service.name == FAIL2BAN)
            draft.services = [step for step in draft.services if step.name != FAIL2BAN]
            draft.services.append(server.make_step("reload"))
            draft.change(server.id, "reload")
        lines = [
            f"-{name} {getattr(state, name)}\n+{name} {value}"
            for name, value in vars(desired_state).items()
            if state and getattr(state, name) != value
        ]
        draft.change(self.id, "update" if state else "start", "\n".join(lines))
