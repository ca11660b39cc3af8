"""The receiver's logs: rotated by root, and read by fail2ban only when they are what they should be."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.action.action_model import (
    JAIL,
    LARGEST_LOG,
    LOG_LIMIT,
    Server,
    eventually,
)


def append(log: Path, *lines: str, jail: str = JAIL) -> None:
    """Write as banstitch-rules does: into the file of that name, under its lock."""
    with log.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.write("".join(f"1 {jail} {line}\n" for line in lines).encode())


def rotate(server: Server) -> None:
    server.module.logs.rotate(str(server.log), os.getgid())


def poll(server: Server) -> list[str]:
    server.jail.filter.getFailures(str(server.log))
    lines: list[str] = server.jail.filter.lines
    return [line.removeprefix(f"1 {JAIL} ") for line in lines]


def test_every_line_is_read_once_however_often_the_log_is_rotated(server: Server) -> None:
    server.start()
    written = [f"line {number}" for number in range(40)]
    for number, line in enumerate(written):
        append(server.log, line)
        if number % 3 == 0:
            rotate(server)
        if number % 3 == 1:
            poll(server)
    assert poll(server) == written


def test_a_line_written_just_before_a_rotation_and_one_just_after_are_both_read(
    server: Server,
) -> None:
    server.start()
    append(server.log, "a")
    assert poll(server) == ["a"]
    append(server.log, "b")
    rotate(server)
    append(server.log, "c")
    assert poll(server) == ["a", "b", "c"]
    append(server.log, "d")
    assert poll(server) == ["a", "b", "c", "d"]


def test_a_line_is_read_of_a_file_that_was_empty_whenever_fail2ban_looked(server: Server) -> None:
    server.start()
    append(server.log, "a")
    assert poll(server) == ["a"]
    rotate(server)
    assert poll(server) == ["a"]
    append(server.log, "b")
    rotate(server)
    assert poll(server) == ["a", "b"]


def test_fail2ban_looks_at_lines_of_its_own_jail_only_whatever_reloads_and_rotations(
    server: Server,
) -> None:
    server.start()
    other = f"{JAIL}-network"
    append(server.log, "a")
    append(server.log, "b", jail=other)
    assert poll(server) == ["a"]
    append(server.log, "c", jail=other)
    append(server.log, "d")
    rotate(server)
    server.module.logs.follow(server.jail, str(server.log))  # as at a reload
    append(server.log, "e", jail=other)
    append(server.log, "f")
    assert poll(server) == ["a", "d", "f"]


def test_fail2ban_itself_reads_a_log_once_at_the_start_and_no_line_of_another_jail_later(
    server: Server,
) -> None:
    append(server.log, "a")
    server.start()
    assert poll(server) == ["a"]
    append(server.log, *map(str, range(1000)), jail=f"{JAIL}-network")
    append(server.log, "b")
    rotate(server)
    append(server.log, "c")
    assert poll(server) == ["a", "b", "c"]
    assert server.jail.filter.read == 1


def test_a_line_that_comes_while_the_jail_stops_is_left_for_its_next_start(server: Server) -> None:
    append(server.log, "a")
    server.start()
    poll(server)
    place = server.jail.filter.getLog(str(server.log)).getPos()
    append(server.log, "b")
    server.jail.filter.active = False
    assert poll(server) == ["a"]
    assert server.jail.filter.getLog(str(server.log)).getPos() == place


def test_the_lines_of_the_first_read_keep_their_times_however_old_they_are(server: Server) -> None:
    server.start()
    assert poll(server) == []
    append(server.log, "a", "b")
    assert poll(server) == ["a", "b"]
    append(server.log, "c")
    assert poll(server) == ["a", "b", "c"]
    assert server.jail.filter.operating == [False, False, True]


def test_a_log_that_was_cut_is_read_from_its_beginning(server: Server) -> None:
    server.start()
    append(server.log, "a", "b")
    poll(server)
    append(server.log, "c")
    poll(server)
    server.log.write_text("")
    append(server.log, "d")
    assert poll(server) == ["a", "b", "c", "d"]


def test_half_a_line_is_read_once_the_rest_of_it_is_there(server: Server) -> None:
    server.start()
    poll(server)
    with server.log.open("a") as stream:
        stream.write(f"1 {JAIL} a")
    assert poll(server) == []
    with server.log.open("a") as stream:
        stream.write("b\n")
    assert poll(server) == ["ab"]


def test_a_line_without_an_end_is_not_read_again_at_every_look(server: Server) -> None:
    server.start()
    poll(server)
    with server.log.open("a") as stream:
        stream.write("x" * 90_000)
    poll(server)
    assert server.jail.filter.getLog(str(server.log)).getPos() > 80_000
    append(server.log, "", "a")
    assert poll(server) == ["a"]


def test_a_full_log_is_rotated_within_a_second_or_two_and_its_name_is_never_missing(
    server: Server,
) -> None:
    server.start()
    server.log.write_bytes(b"x" * LOG_LIMIT)
    assert eventually(lambda: server.log.stat().st_size == 0)
    assert (server.spool / "events.log.1").stat().st_size == LOG_LIMIT
    assert stat.S_IMODE(server.log.stat().st_mode) == 0o660
    assert stat.S_IMODE((server.spool / "events.log.1").stat().st_mode) == 0o640


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "missing", "sparse"])
def test_whatever_stands_where_the_log_should_be_the_jail_starts_and_reads_a_log(
    server: Server, kind: str
) -> None:
    server.log.unlink()
    ways: dict[str, Callable[[], object]] = {
        "pipe": lambda: os.mkfifo(server.log),
        "link": lambda: server.log.symlink_to("/etc/shadow"),
        "folder": lambda: server.log.mkdir(),
        "missing": lambda: None,
        "sparse": lambda: os.truncate(os.open(server.log, os.O_CREAT | os.O_WRONLY), 40 << 30),
    }
    ways[kind]()
    server.start()
    assert stat.S_ISREG(server.log.lstat().st_mode)
    append(server.log, "a")
    assert poll(server) == ["a"]
    kept = server.spool / "events.log.1"
    assert not kept.exists() or kept.stat().st_size <= LARGEST_LOG


@pytest.mark.parametrize("kind", ["pipe", "link", "too large"])
def test_a_log_that_is_replaced_while_fail2ban_runs_is_not_opened(
    server: Server, kind: str
) -> None:
    server.start()
    server.stop()  # nobody puts it in order meanwhile
    server.log.unlink()
    ways: dict[str, Callable[[], object]] = {
        "pipe": lambda: os.mkfifo(server.log),
        "link": lambda: server.log.symlink_to(server.audit),
        "too large": lambda: server.log.write_bytes(b"x" * (LARGEST_LOG + 1)),
    }
    ways[kind]()
    with pytest.raises(OSError, match="log"):
        poll(server)


def test_a_writer_that_never_gives_up_its_lock_delays_a_rotation_and_does_not_stop_it(
    server: Server,
) -> None:
    append(server.log, "a")
    server.start()
    with server.log.open("rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        rotate(server)
    assert server.log.stat().st_size == 0
    assert poll(server) == ["a"]


def test_no_line_that_is_longer_than_the_receiver_writes_is_read_from_a_rotated_log(
    server: Server,
) -> None:
    server.start()
    poll(server)
    append(server.log, "[" * 90_000, "b")
    rotate(server)
    assert poll(server) == ["b"]


def test_a_reload_keeps_the_place_in_the_log(server: Server) -> None:
    server.start()
    append(server.log, "a")
    poll(server)
    server.action.reload()
    append(server.log, "b")
    assert poll(server) == ["a", "b"]


def test_a_place_is_saved_though_a_reload_replaced_the_log(server: Server) -> None:
    """Else fail2ban reads the log again when it starts, and bans a second time for the same events."""
    server.start()
    poll(server)
    server.jail.filter.forget_log(str(server.log))
    server.action.reload()
    append(server.log, "a")
    poll(server)
    append(server.log, "b")
    assert poll(server) == ["a", "b"]
    assert server.jail.filter.save_places() == {str(server.log): server.log.stat().st_size}
