"""Jails of the running fail2ban server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from provision.linux.draft import Draft
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import FAIL2BAN, Service


@dataclass(frozen=True)
class Jail(Resource):
    """A jail as the running fail2ban server must hold it. Times in seconds, ``ban_time`` -1 for ever."""

    name: str
    max_retry: int
    find_time: int
    ban_time: int

    @property
    def id(self) -> str:
        return f"jail:{self.name}"

    def add_to_request(self, request: dict[str, Any]) -> None:
        """Ask the server for its thresholds."""
        request["jails"].append(self.name)

    def read_thresholds(self) -> dict[str, int]:
        """Return the answer that the running server should give, times in seconds."""
        return {
            "max_retry": self.max_retry,
            "find_time": self.find_time,
            "ban_time": self.ban_time,
        }

    def plan_effects(self, draft: Draft, desired: Sequence[Resource]) -> None:
        """Reload fail2ban if it holds another jail and is not restarted anyway."""
        state = draft.observed["jails"].get(self.name)
        thresholds = self.read_thresholds()
        if state == thresholds:
            return
        if not any(step["name"] == FAIL2BAN and step["verb"] != "none" for step in draft.services):
            services = (resource for resource in desired if isinstance(resource, Service))
            server = next(service for service in services if service.name == FAIL2BAN)
            draft.services = [step for step in draft.services if step["name"] != FAIL2BAN]
            draft.services.append(server.make_step("reload"))
            draft.change(server.id, "reload")
        lines = [
            f"-{name} {state[name]}\n+{name} {value}"
            for name, value in thresholds.items()
            if state and state[name] != value
        ]
        draft.change(self.id, "update" if state else "start", "\n".join(lines))
