"""A fail2ban that records its orders, and requests to ban and unban."""

from __future__ import annotations

import json
import time
from typing import Any

from provision.linux.agent import bans
from provision.linux.agent.host import Ran
from provision.linux.agent.protocol.requests import BanAddress, UnbanAddress

SOON = int(time.time()) + 3600
ON = "banstitch-sslvpn_login_failed"
OFF = "banstitch-admin_login_failed"
ASKED = {"by": "root@pc", "why": "by hand"}


class Fail2ban:
    """Stands for fail2ban-client; ``jails`` run."""

    def __init__(self) -> None:
        self.jails = {ON}
        self.answer = Ran(0, json.dumps({"changed": True, "until": SOON, "said": "done"}))
        self.told: list[tuple[str, str, str]] = []
        self.patience = 0.0

    def __call__(self, words: list[str], timeout: float = 900) -> Ran:
        self.patience = timeout
        _, jail, _, _, method, details = words
        if jail not in self.jails:
            return Ran(255, f"ERROR NOK: ('{jail}',)\nSorry but the jail '{jail}' does not exist")
        self.told.append((jail, method, json.loads(details)["address"]))
        return self.answer


def ban(seconds: int = 60) -> dict[str, Any]:
    answer = bans.ban_address(BanAddress(ON, "203.0.113.5", seconds, **ASKED))
    return {name: value for name, value in vars(answer).items() if value is not None}


def unban(spool: str, address: str) -> dict[str, Any]:
    return dict(vars(bans.unban_address(UnbanAddress(spool, (ON,), address, **ASKED))))
