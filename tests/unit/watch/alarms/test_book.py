"""A restart repeats nothing and loses no end; a channel that fails is an alarm on the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from banstitch_shared.alarm_notes import read_active
from watch.alarms.book import NAME, Book
from watch.alarms.facts import Facts

from tests.unit.watch.alarms.samples import LIMITS, NOW, facts, receiver

CHANNELS = {"mail": "warning", "hook": "info"}
FULL = facts(receiver=receiver(left_out=5))


def open_book(folder: Path, off: tuple[str, ...] = ()) -> Book:
    return Book(str(folder), LIMITS, CHANNELS, off)


def at(found: Facts, now: float) -> Facts:
    known = found.receiver and found.receiver._replace(at=now)
    return found._replace(now=now, receiver=known)


def sent(book: Book, channel: str, now: float) -> list[str]:
    batch, _ = book.take(channel, now)
    book.note_sent(channel, batch, now)
    return [("over " if each.is_over else "") + each.key for each in batch]


def test_a_restart_repeats_nothing_and_loses_no_end(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    book.look(FULL)
    book.write(NOW)
    # killed before the digest went out
    book = open_book(tmp_path)
    book.look(at(FULL, NOW + 5))
    assert sent(book, "mail", NOW + 20) == ["full"]
    # killed afterwards
    book = open_book(tmp_path)
    book.look(at(FULL, NOW + 25))
    assert sent(book, "mail", NOW + 100) == []
    book.look(at(facts(), NOW + 200))
    book.write(NOW + 200)
    book = open_book(tmp_path)
    assert sent(book, "mail", NOW + 300) == ["over full"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"alarms": {"x": 1}, "memory": [], "outboxes": {}}']
)
def test_a_damaged_memory_is_one_without_alarms(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    book = open_book(tmp_path)
    book.look(FULL)
    assert sent(book, "mail", NOW + 20) == ["full"]


def test_a_channel_that_fails_is_an_alarm_on_the_others(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    book.look(FULL)
    for seconds in (20, 60):
        book.note_failed("mail", "connection refused", NOW + seconds)
    assert book.list_failing() == {"mail": "connection refused"}
    book.look(at(FULL._replace(failing=book.list_failing()), NOW + 61))
    assert sent(book, "hook", NOW + 90) == ["full", "channel:mail"]
    # when it works again, it does not report its own failure
    assert sent(book, "mail", NOW + 900) == ["full"]
    assert book.list_failing() == {}


def test_active_alarms_are_in_a_file_for_the_operator(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    book.look(FULL)
    book.write(NOW)
    found = read_active(str(tmp_path))
    assert found is not None
    assert [(each.key, each.severity, each.since) for each in found.alarms] == [
        ("full", "critical", NOW)
    ]
    assert found.channels == {"mail": "", "hook": ""}
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o640


def test_kinds_that_are_off_are_not_raised(tmp_path: Path) -> None:
    book = open_book(tmp_path, off=("full",))
    book.look(FULL)
    assert sent(book, "hook", NOW + 20) == []


def test_a_channel_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    book.look(FULL)
    book.write(NOW)
    other = Book(str(tmp_path), LIMITS, {"new": "info"})
    other.look(at(FULL, NOW + 5))
    other.write(NOW + 100)
    assert list(json.loads((tmp_path / NAME).read_text())["outboxes"]) == ["new"]
