"""The receiver as gunicorn loads it, with its files in a temporary directory."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from pathlib import Path
from typing import Any

from provision.desired.templates import TEMPLATES

# the packages stand there as they will stand on the ban host
sys.path += [str(TEMPLATES), str(TEMPLATES / "shared")]
DETECTION = {
    "name": "sslvpn_login_failed",
    "jail": "banstitch-sslvpn_login_failed",
    "log_ids": [39426],
    "success_ids": [39424],
    "lockout_ids": [],
    "address_field": "remip",
    "address_inside": "",
    "user_fields": ["user"],
    "where": {},
    "success_where": {},
    "own": ["198.51.100.250"],
    "ignore": ["198.51.100.0/24", "203.0.113.250", "2001:db8:9::/48"],
}
SECRETS = {
    "webhook:fw1": "w1-secret",
    "webhook:fw2": "w2-secret",
    "feed:fw1": "f1-secret",
    "feed:fw2": "f2-secret",
    "verify": "v-secret",
    "status": "s-secret",
}
LINE = 'logid="0101039426" remip=%s user="x" msg="SSL user failed to logged in"'


def digests(secrets: dict[str, str]) -> dict[str, str]:
    """What the agent writes for the receiver of the secrets in tokens.json."""
    return {name: hashlib.sha256(s.encode()).hexdigest() for name, s in secrets.items()}


def module(name: str) -> Any:
    """A module of the receiver, which is Python 3.9 and none of this project's imports."""
    return importlib.import_module(f"receiver.{name}")


def config(folder: Path, **more: Any) -> dict[str, Any]:
    """What the role renders into config.py, for files in ``folder``."""
    return {
        "fortigates": ["fw1", "fw2"],
        "detections": [DETECTION],
        "jails": [each["jail"] for each in more.get("detections", [DETECTION])],
        "allow": ["192.0.2.1", "fd00::1"],
        "own": ["127.0.0.0/8", "::1"],
        "hosts": [],
        "ipv6_prefix": 64,
        "readers": [],
        "accept_documentation": True,
        "rate": 100000,
        "burst": 100000,
        "body_limit": 65536,
        "feed_limit": 131072,
        "feed_lists": ["", "v4"],
        "shield": "auto",
        "status_page": True,
        "digests": str(folder / "digests.json"),
        "events_log": str(folder / "events.log"),
        "evidence_log": str(folder / "evidence.log"),
        "rejected_log": str(folder / "rejected.log"),
        "evidence_most": 64 << 20,
        "rejected_most": 2 << 20,
        "audit_log": str(folder / "audit.log"),
        "rules_memory": str(folder / "memory"),
        "spool": str(folder / "spool"),
        "counts": str(folder / "counts"),
        "facts": str(folder / "facts.json"),
    } | more


def bans_file(bans: dict[str, float], since: int = 1700000000) -> str:
    """The text of a jail's file: each ban a second younger than the one before."""
    lines = [f"{a} {until:.0f} {since + n} 3 1\n" for n, (a, until) in enumerate(bans.items())]
    return f"# banstitch 1\n{''.join(lines)}end {len(lines)}\n"


class Receiver:
    """What a test needs of one receiver: its HTTP client and the files around it."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.folder = folder
        self.digests = folder / "digests.json"
        self.log = folder / "events.log"
        self.evidence = folder / "evidence.log"
        self.rejected = folder / "rejected.log"
        self.spool = folder / "spool"
        self.memory = folder / "memory"
        self.memory.mkdir(exist_ok=True)
        for name in ("alive", "current"):
            (self.memory / name).touch()
        self.spool.mkdir()
        self.secrets(SECRETS)
        for log in (self.log, self.evidence, self.rejected):
            log.touch()
        self.bans({})
        self.alive.touch()
        self.config = config(folder, **more)
        self.client = self.worker()

    def secrets(self, secrets: dict[str, str]) -> None:
        """Replace the file of digests as the agent does."""
        fresh = self.folder / "fresh"
        fresh.write_text(json.dumps(digests(secrets)))
        fresh.rename(self.digests)

    def worker(self) -> Any:
        """The HTTP client of one worker process of this receiver."""
        app = module("app").create_app(self.config)
        self.names, self.served = app.banstitch.names, app.banstitch.feed
        return app.test_client()

    @property
    def jail_file(self) -> Path:
        return self.spool / f"{DETECTION['jail']}.bans"

    @property
    def alive(self) -> Path:
        """What the action touches every few seconds."""
        return self.jail_file.with_suffix(".alive")

    def bans(self, bans: dict[str, float]) -> None:
        """Replace the jail's file as the action does."""
        fresh = self.spool / "new"
        fresh.write_text(bans_file(bans))
        fresh.rename(self.jail_file)

    def post(
        self, body: str | bytes, token: str = "w1-secret", peer: str = "192.0.2.1", **more: Any
    ) -> Any:
        headers = {"X-Banstitch-Token": token} if token else {}
        environ = {"REMOTE_ADDR": peer, **more.pop("environ", {})}
        return self.client.post(
            "/receive-logs", data=body, headers=headers, environ_overrides=environ, **more
        )

    def feed(
        self, user: str = "fw1", password: str = "f1-secret", path: str = "", **headers: str
    ) -> Any:
        where = f"/blocked-ips{path}"
        return self.client.get(where, auth=(user, password), headers=headers)

    def get(self, path: str, peer: str = "127.0.0.1", **more: Any) -> Any:
        return self.client.get(path, environ_overrides={"REMOTE_ADDR": peer}, **more)

    def written(self) -> list[tuple[str, str]]:
        """Return (detection, address) of each line for fail2ban."""
        return [(entry.detection, entry.address) for entry in self.entries()]

    def entries(self) -> list[Any]:
        """Return what each line for fail2ban says."""
        read = importlib.import_module("banstitch_shared.eventlog").read_line
        entries = [read(line) for line in self.log.read_text("ascii").splitlines()]
        assert all(entry.at > 0 and entry.fortigate for entry in entries)
        return entries


FOREVER = -1
