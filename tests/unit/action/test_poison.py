"""Nothing that the receiver's user leaves in the audit or in a ban file stops a jail or frees anybody."""

from __future__ import annotations

import fcntl
import json
import os
from typing import Any

import pytest

from tests.unit.action.action_model import JAIL, NOW, Server, eventually, ticket


def entry(**more: Any) -> str:
    at = {"at": NOW - 60, "what": "unban", "address": "203.0.113.9", "jail": JAIL, "count": 1}
    return json.dumps(at | more)


POISON = {
    "nested": "[" * 60000 + f'"what": "ban", "jail": "{JAIL}"',
    "in the future": entry(at=9e18),
    "never": entry(at=float("inf")),
    "no number": entry(at=float("nan")),
    "before the epoch": entry(at=-1.0),
    "too often": entry(count=10**300),
    "endlessly often": entry(count=float("inf")),
    "never yet": entry(count=0),
    "no address": entry(address=["203.0.113.9"]),
    "a name": entry(address="attacker.example.net"),
    "no object": json.dumps(["what", "ban", JAIL]),
}


@pytest.mark.parametrize("line", POISON.values(), ids=POISON)
def test_a_poisoned_line_of_the_audit_frees_nobody_and_keeps_no_jail(
    server: Server, line: str
) -> None:
    server.audit.write_text(f"{line}\n")
    server.start().ban(ticket("203.0.113.9"))
    assert server.becomes({"203.0.113.9": NOW + 600})


def test_a_folder_in_the_way_of_the_audits_rotation_does_not_stop_the_audit(
    server: Server,
) -> None:
    (server.spool / "audit.log.1" / "inner").mkdir(parents=True)
    server.audit.write_bytes(b"x" * 20_000_000)
    server.start().ban(ticket("203.0.113.9"))
    assert eventually(lambda: "203.0.113.9" in server.audit.read_text()[:10_000])
    assert (server.spool / "audit.log.1").stat().st_size == 20_000_000


def test_the_lock_of_the_folder_holds_no_audit_up(server: Server) -> None:
    """Whoever may read a folder may lock it."""
    folder = os.open(server.spool, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        server.start().ban(ticket("203.0.113.9"))
        assert eventually(lambda: [e[1] for e in server.audited()] == ["203.0.113.9"])
    finally:
        os.close(folder)


@pytest.mark.parametrize("line", ["nan 1 1 1", "inf 1 1 1", "1e300 1 1 1", "-2 1 1 1", "9 nan 1 1"])
def test_a_line_of_a_ban_file_that_names_no_time_is_passed_over(server: Server, line: str) -> None:
    later = f"{NOW + 600:.0f}"
    lines = f"203.0.113.9 {line}\n203.0.113.10 {later} 1700000000 3 2\n"
    server.file.write_text(f"# banstitch 1\n{lines}end 2\n")
    server.start()
    assert server.becomes({"203.0.113.10": NOW + 600})


def test_a_ban_file_that_is_a_pipe_does_not_hold_the_jail_up(server: Server) -> None:
    os.mkfifo(server.file)
    server.start().ban(ticket("203.0.113.9"))
    assert eventually(server.file.is_file)
    assert server.becomes({"203.0.113.9": NOW + 600})
