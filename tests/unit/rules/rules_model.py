"""The service banstitch-rules with its files in a temporary directory, and the logs around it."""

from __future__ import annotations

import json
from pathlib import Path

from banstitch_shared.eventlog import FAILURE, SUCCESS, Entry, write_line
from rules.settings import Settings, read_settings
from rules.worker import Places, Worker

NOW = 1_800_000_000.0
JAIL = "banstitch-sslvpn_login_failed"
DAY = 86400
RULES = {
    "plain": [5, 600],
    "trusted": [10, 600],
    "slow": [4, DAY],
    "unknown_user": [2, 7 * DAY],
    "trap": [1, 7 * DAY],
    "spray": [3, DAY],
    "lockout": [1, DAY],
    "network": [3, 7 * DAY],
}
DOCUMENT = {
    "detections": {
        "sslvpn_login_failed": {"rules": RULES, "accounts": "users", "no_traps": []},
    },
    "trap_users": ["admin"],
    "known_users": ["alice"],
    "trust_days": 14,
    "trust_sources": 5,
    "most_failures": 2.5,
}


def settings(shield: str = "off", spared: tuple[str, ...] = ()) -> Settings:
    document = {**DOCUMENT, "shield": {"mode": shield, "spared": list(spared)}}
    return read_settings(json.loads(json.dumps(document)))


def event(
    address: str,
    user: str = "nobody",
    at: float = NOW,
    kind: str = FAILURE,
    fortigate: str = "fw1",
    reason: str = "sslvpn_login_unknown_user",
) -> str:
    """Return a line of the event log."""
    entry = Entry(at, fortigate, "sslvpn_login_failed", kind, address, user, reason)
    return write_line(entry)


def login(address: str, user: str, at: float = NOW) -> str:
    return event(address, user, at, SUCCESS, reason="")


class RulesHost:
    """The files of a ban host that the service knows, and the service."""

    def __init__(self, folder: Path, now: float = NOW) -> None:
        self.folder = folder
        self.now = now
        for name in ("logs", "memory", "requests", "spool"):
            (folder / name).mkdir()
        self.events, self.rules = folder / "logs/events.log", folder / "logs/rules.log"
        self.events.touch()
        self.rules.touch()
        memory = folder / "memory"
        self.places = Places(
            str(self.events),
            str(self.rules),
            str(memory / "checkpoint.json"),
            str(memory / "alarms.json"),
            str(folder / "requests"),
            str(memory / "alive"),
            str(memory / "current"),
            str(memory),
            str(folder / "spool"),
        )
        self.settings = settings()
        self.worker: Worker | None = None

    def start(self) -> Worker:
        """Start the service as after a kill: nothing of the one before is known but its files."""
        if self.worker is not None:
            self.worker.close()
        self.worker = Worker(self.places, self.settings, lambda: self.now)
        return self.worker

    def write(self, *lines: str) -> None:
        with self.events.open("a") as stream:
            stream.write("".join(f"{line}\n" for line in lines))

    def work(self) -> None:
        """Let the service take all events that there are."""
        assert self.worker is not None
        while self.worker.work():
            pass

    def rotate(self, log: Path) -> None:
        """Move a log aside as logrotate does."""
        for age in (3, 2, 1):
            older = Path(f"{log}.{age}")
            newer = Path(f"{log}.{age - 1}") if age > 1 else log
            if newer.exists():
                newer.rename(older)
        log.touch()

    def lines(self) -> list[str]:
        """Return the lines of the rule log, rotated files included."""
        paths = [Path(f"{self.rules}.{age}") for age in (3, 2, 1)] + [self.rules]
        return [line for path in paths if path.exists() for line in path.read_text().splitlines()]

    def bans(self) -> list[tuple[str, str]]:
        """Return rule and key of each line."""
        fields = [line.split(" ") for line in self.lines()]
        return [(jail.removeprefix(JAIL).strip("-") or "plain", key) for _, jail, key, *_ in fields]

    def requests(self) -> list[tuple[str, str, str]]:
        """Return what is asked, address and user of each request."""
        found = [json.loads(path.read_text()) for path in sorted(self.places_of_requests())]
        return [(r["do"], r["address"], bytes.fromhex(r["user"]).decode()) for r in found]

    def places_of_requests(self) -> list[Path]:
        return list((self.folder / "requests").glob("*.json"))
