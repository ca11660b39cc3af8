"""The rendered receiver, loaded as gunicorn loads it, with its files in a temporary directory."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

from provision.rendering import render

DETECTION = {
    "name": "sslvpn_login_failed",
    "jail": "banstitch-sslvpn_login_failed",
    "log_ids": [39426],
    "address_field": "remip",
    "ignore": ["198.51.100.0/24", "203.0.113.250", "2001:db8:9::/48"],
}
SECRETS = {
    "webhook:fw1": "w1-secret",
    "webhook:fw2": "w2-secret",
    "feed:fw1": "f1-secret",
    "feed:fw2": "f2-secret",
    "verify": "v-secret",
}
LINE = 'logid="0101039426" remip=%s user="x" msg="SSL user failed to logged in"'


def load_module(name: str, text: str) -> ModuleType:
    module = ModuleType(name)
    exec(compile(text, f"{name}.py", "exec"), module.__dict__)
    return module


def bans_file(bans: dict[str, float], since: int = 1700000000) -> str:
    """The text of a jail's file: each ban a second younger than the one before."""
    lines = [f"{a} {until:.0f} {since + n} 3 1\n" for n, (a, until) in enumerate(bans.items())]
    return f"# banstitch 1\n{''.join(lines)}end {len(lines)}\n"


class Receiver:
    """What a test needs of one receiver: its HTTP client and the files around it."""

    def __init__(self, folder: Path) -> None:
        self.tokens = folder / "tokens.json"
        self.log = folder / "events.log"
        self.spool = folder / "spool"
        self.spool.mkdir()
        self.tokens.write_text(json.dumps(SECRETS))
        self.log.touch()
        self.bans({})
        config = {
            "fortigates": ["fw1", "fw2"],
            "detections": [DETECTION],
            "tokens": str(self.tokens),
            "events_log": str(self.log),
            "spool": str(self.spool),
            "body_limit": 65536,
        }
        self.module = load_module("receiver", render("receiver/receiver.py.j2", config=config))
        self.client = self.module.app.test_client()

    @property
    def jail_file(self) -> Path:
        return self.spool / f"{DETECTION['jail']}.bans"

    def bans(self, bans: dict[str, float]) -> None:
        """Replace the jail's file as the action does."""
        fresh = self.spool / "new"
        fresh.write_text(bans_file(bans))
        fresh.rename(self.jail_file)

    def post(self, body: str | bytes, token: str = "w1-secret", **more: Any) -> Any:
        headers = {"X-Banstitch-Token": token} if token else {}
        return self.client.post("/receive-logs", data=body, headers=headers, **more)

    def feed(self, user: str = "fw1", password: str = "f1-secret", **headers: str) -> Any:
        return self.client.get("/blocked-ips", auth=(user, password), headers=headers)

    def written(self) -> list[tuple[str, str]]:
        """(detection, address) of each line for fail2ban."""
        lines = [line.split(" ") for line in self.log.read_text().splitlines()]
        assert all(len(line) == 3 and float(line[0]) > 0 for line in lines)
        return [(detection, address) for _, detection, address in lines]
