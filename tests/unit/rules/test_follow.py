"""A log that is followed: every line once and in order, whatever rotates it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rules.follow import Follower
from rules.logfiles import Place


class Log:
    """A log with a writer, a rotation and a reader."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "events.log"
        self.path.touch()
        self.reader = Follower(str(self.path), None)
        self.written: list[str] = []
        self.read: list[str] = []

    def write(self) -> None:
        self.written.append(f"line {len(self.written)}")
        with self.path.open("a") as stream:
            stream.write(self.written[-1] + "\n")

    def take(self) -> None:
        self.read += self.reader.read()

    def catch_up(self) -> None:
        """Look until a look finds nothing: then the reader has the current file."""
        before = -1
        while before < len(self.read):
            before = len(self.read)
            self.take()

    def rotate(self) -> None:
        for age in (3, 2, 1):
            newer = Path(f"{self.path}.{age - 1}") if age > 1 else self.path
            if newer.exists():
                newer.rename(f"{self.path}.{age}")
        self.path.touch()

    def restart(self) -> None:
        place = self.reader.place
        self.reader.close()
        self.reader = Follower(str(self.path), place)
        assert not self.reader.is_lost


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(["write", "take", "rotate", "restart"]), max_size=40))
def test_every_line_is_read_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    log, since_read = Log(tmp_path_factory.mktemp("log")), 0
    for step in steps:
        since_read = 0 if step in ("take", "restart") else since_read + (step == "rotate")
        if since_read > 3:  # a file that was removed cannot be read
            continue
        if step in ("take", "restart"):
            log.catch_up()
        getattr(log, step)()
    log.catch_up()
    assert log.read == log.written
    log.reader.close()


def test_a_line_that_is_not_whole_is_waited_for(log: Log) -> None:
    with log.path.open("a") as stream:
        stream.write("one\ntw")
        stream.flush()
        assert log.reader.read() == ["one"]
        assert log.reader.read() == []
        stream.write("o\n")
    assert log.reader.read() == ["two"]


def test_what_a_writer_took_back_is_not_waited_for(log: Log) -> None:
    log.write()
    log.take()
    with log.path.open("a") as stream:
        stream.write("no room for the re")
    log.take()
    os.truncate(log.path, len("line 0\n"))
    log.write()
    log.take()
    assert log.read == ["line 0", "line 1"]


def test_a_line_without_an_end_stops_nobody(log: Log) -> None:
    with log.path.open("a") as stream:
        stream.write("x" * (3 << 20))
    log.take()
    with log.path.open("a") as stream:
        stream.write("\n")
    log.take()
    log.read.clear()
    log.write()
    log.take()
    assert log.read == ["line 0"]


def test_another_file_with_the_same_inode_is_not_taken_for_the_one_of_the_place(log: Log) -> None:
    log.write()
    place = Place(log.path.stat().st_ino, "another", 7)
    reader = Follower(str(log.path), place)
    assert reader.is_lost
    assert reader.read() == ["line 0"]


def test_a_pipe_in_the_place_of_the_log_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "events.log")
    assert Follower(str(tmp_path / "events.log"), None).read() == []
