"""The table of disk space in docs/performance.md is what the bounds of the writers add up to."""

from __future__ import annotations

import logging
import re
from math import ceil
from typing import Any

from provision.desired.templates import TEMPLATES, read_file
from roles.receiver import units
from roles.receiver.role import Settings
from tests import PROJECT

PAGE = (PROJECT / "docs" / "performance.md").read_text(encoding="utf-8")
WEEK = 7 * 86400
# As tests/bench/disk.py measures them: bytes of a line or row, 1000 lines of the audit at once.
FOUND, BAN, ROW, AUDITED = 133, 109, 500, 1200
# Rotated by Debian each week: the newest, one as it was, and three compressed to a fourth or less.
WEEKS = 2 + 3 / 4


def constants(name: str) -> dict[str, Any]:
    """The constants at the head of a module that goes to the host."""
    path = TEMPLATES / name
    text = path.read_text()
    lines = [line for line in text.splitlines() if re.match(r"[A-Z_]+ = [0-9<() ]+$", line)]
    found: dict[str, Any] = {}
    exec("\n".join(lines), found)
    return found


def told(what: str) -> int:
    """Return the megabytes in the table of docs/performance.md, in the row that begins with ``what``."""
    found = re.search(rf"^\| `{re.escape(what)}`.*? \| ([\d,]+) MB", PAGE, re.MULTILINE)
    assert found, what
    return int(found[1].replace(",", ""))


def test_what_the_receiver_writes() -> None:
    settings = Settings()
    assert settings.receiver_log_size == "50M"
    each = 2 * 50 * 1024 * 1024
    both = 2 * each * (1 + settings.receiver_log_keep)  # events.log and rules.log
    assert abs(told("events.log") - both / 1e6) < 1
    assert told("evidence.log") == round(2 * units.EVIDENCE_SIZE / 1e6)
    assert told("rejected.log") == round(2 * units.REJECTED_SIZE / 1e6)


def test_what_the_action_writes() -> None:
    audit = constants("detection/banstitch_audit.py")
    each = audit["AUDIT_SIZE"] + audit["AT_ONCE"] * AUDITED
    assert told("audit.log") - 10 <= each * (1 + audit["AUDIT_KEEP"]) / 1e6 <= told("audit.log")


def test_what_fail2ban_writes() -> None:
    bounds: dict[str, Any] = {"__name__": "bounds"}
    exec(read_file("detection/banstitch_bounds.py"), bounds)
    lengths = {logging.INFO: FOUND, logging.INFO + 5: BAN}
    week = sum(
        (rate.burst + WEEK * rate.per_second) * lengths[level]
        for level, rate in bounds["RATES"].items()
    )
    assert told("/var/log/fail2ban.log") == 5 * ceil(week * WEEKS / 1e6 / 5)
    rows = bounds["MOST_ROWS"] * ROW / 1e6
    assert told("/var/lib/fail2ban/fail2ban.sqlite3") == round(rows)
