"""fail2ban's log of our jails stays small under attack; lines of other jails are all kept."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provision.desired.templates import read_file

BOUNDS: dict[str, Any] = {"__name__": "bounds"}
exec(compile(read_file("detection/banstitch_bounds.py"), "bounds.py", "exec"), BOUNDS)
JAIL, NOTICE, DAY = "banstitch-test", logging.INFO + 5, 86400
# fail2ban 0.11 to 1.1: server/filter.py, server/actions.py, server/observer.py
FOUND = ("fail2ban.filter", logging.INFO, "[%s] Found %s - %s", (JAIL, "203.0.113.7", "2026-11-22"))
BAN = ("fail2ban.actions", NOTICE, "[%s] %sBan %s", (JAIL, "", "203.0.113.7"))


class Lines(logging.Handler):
    """A handler that keeps the lines that would have been written."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def log() -> Iterator[Lines]:
    handler, logger = Lines(), logging.getLogger("fail2ban")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)
    logger.propagate = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bounds(clock: Clock, tmp_path: Path, log: Lines) -> Iterator[Any]:
    database = SimpleNamespace(filename=str(tmp_path / "fail2ban.sqlite3"))
    jail = SimpleNamespace(name=JAIL, database=database)
    found = BOUNDS["Bounds"](jail, logging.getLogger("fail2ban.Action"), clock)
    found.start()
    yield found
    found.stop()


def say(what: tuple[str, int, str, tuple[str, ...]]) -> None:
    name, level, message, values = what
    logging.getLogger(name).log(level, message, *values)


@pytest.mark.parametrize(("line", "most"), [(FOUND, 13_700), (BAN, 27_400)])
def test_a_day_of_attack_leaves_a_bounded_number_of_lines_in_the_log_of_fail2ban(
    line: tuple[str, int, str, tuple[str, ...]],
    most: int,
    bounds: Any,
    clock: Clock,
    log: Lines,
) -> None:
    steps = 40_000
    for _ in range(steps):
        clock.now += DAY / steps
        say(line)
    assert len(log.said) <= most
    assert f"[{JAIL}] " in log.said[-1]
    assert any("lines like these were left out" in said for said in log.said)


def test_all_lines_of_a_quiet_week_are_in_the_log(bounds: Any, clock: Clock, log: Lines) -> None:
    for _ in range(5000):
        clock.now += 60
        say(FOUND)
        say(BAN)
    assert len(log.said) == 10_000


def test_other_jails_warnings_and_errors_are_never_left_out(bounds: Any, log: Lines) -> None:
    for _ in range(30_000):
        say(FOUND)
    log.said.clear()
    name, level, message, _ = BAN
    say((name, level, message, ("sshd", "", "203.0.113.7")))
    say((name, logging.WARNING, "[%s] something", (JAIL,)))
    say(("fail2ban.filter", logging.INFO, "  findtime: %s", ("600",)))
    assert log.said[:2] == ["[sshd] Ban 203.0.113.7", f"[{JAIL}] something"]
    assert log.said[-1] == "  findtime: 600"


def test_a_line_that_cannot_be_put_together_is_not_ours_to_judge(bounds: Any) -> None:
    record = logging.makeLogRecord({"levelno": logging.INFO, "msg": "%d", "args": ("x",)})
    assert bounds.passes(record)


def test_after_the_end_fail2ban_logs_as_it_did_before(bounds: Any, log: Lines) -> None:
    bounds.stop()
    for _ in range(6000):
        say(FOUND)
    assert len(log.said) == 6000


def rows(path: str) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as database:
        return dict(database.execute("SELECT jail, count(*) FROM bans GROUP BY jail"))


def test_of_the_rows_in_the_database_of_fail2ban_only_our_oldest_are_dropped(
    bounds: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BOUNDS, "MOST_ROWS", 100)
    path = bounds._jail.database.filename
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE bans (jail TEXT, ip TEXT)")
        for number in range(300):
            database.execute("INSERT INTO bans VALUES ('sshd', '1')")
            database.execute("INSERT INTO bans VALUES (?, ?)", (JAIL, str(number)))
    bounds.trim()
    assert rows(path) == {"sshd": 300, JAIL: 300}  # not each second

    clock.now += 60
    bounds.trim()

    assert rows(path) == {"sshd": 300, JAIL: 50}
    with closing(sqlite3.connect(path)) as database:
        (newest,) = database.execute(
            "SELECT ip FROM bans WHERE jail = ? ORDER BY rowid DESC", (JAIL,)
        ).fetchone()
    assert newest == "299"


def test_a_database_that_is_locked_or_not_there_stops_nothing(
    bounds: Any, clock: Clock, log: Lines
) -> None:
    clock.now += 60
    bounds.trim()
    assert log.said == []
    path = bounds._jail.database.filename
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE bans (jail TEXT)")
        database.execute("BEGIN EXCLUSIVE")
        clock.now += 60
        bounds.trim()
    assert "locked" in log.said[0]
