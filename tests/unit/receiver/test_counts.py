"""The numbers that all worker processes share: of what two count at the same moment, none is lost."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.receiver.receiver_app import LINE, Receiver, module

CHANGES: dict[str, Callable[[Any], Any]] = {
    "add": lambda counts: counts.add("x"),
    "take_token": lambda counts: counts.take_token("x", 1, 3, 1e9),
}
REQUESTS: dict[str, Callable[[Receiver], Any]] = {
    "an event": lambda receiver: receiver.post(LINE % "203.0.113.9"),
    "what cannot be read": lambda receiver: receiver.post("nonsense"),
    "a wrong token": lambda receiver: receiver.post(LINE % "203.0.113.9", "wrong"),
    "a poll": lambda receiver: receiver.feed(),
    "a wrong feed password": lambda receiver: receiver.feed("fw1", "wrong"),
}


def opened(folder: Path) -> Any:
    """The numbers as one process has them."""
    return module("counts").Counts(str(folder / "counts"), ["x", "x:tokens", "x:at"])


def in_another_process(do: Callable[[], Any]) -> None:
    """Call ``do`` there, to its end, however it ends."""
    child = os.fork()
    if not child:
        try:
            do()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.parametrize("name", CHANGES)
def test_no_process_changes_a_number_while_another_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def never_waiting(descriptor: Any, operation: int) -> None:
        real(descriptor, operation | (fcntl.LOCK_NB if operation == fcntl.LOCK_EX else 0))

    real, mine, other = fcntl.lockf, opened(tmp_path), opened(tmp_path)
    before = bytes(mine._map)
    monkeypatch.setattr(fcntl, "lockf", never_waiting)  # it raises where it would wait

    with mine.locked():
        in_another_process(lambda: CHANGES[name](other))
        assert bytes(mine._map) == before

    in_another_process(lambda: CHANGES[name](other))
    assert bytes(mine._map) != before


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_changes_numbers_under_the_lock_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked = [fcntl.LOCK_UN]
    changed: list[tuple[str, int]] = []
    receiver = Receiver(tmp_path)
    monkeypatch.setattr(fcntl, "lockf", lambda _, operation: asked.append(operation))
    change = module("counts").Counts.__setitem__

    def noted(self: Any, number: str, value: float) -> None:
        changed.append((number, asked[-1]))
        change(self, number, value)

    monkeypatch.setattr(module("counts").Counts, "__setitem__", noted)
    REQUESTS[name](receiver)
    assert changed
    assert {lock for _, lock in changed} == {fcntl.LOCK_EX}, changed
    assert asked[-1] == fcntl.LOCK_UN


def test_a_process_that_dies_while_it_counts_keeps_nobody_from_counting(tmp_path: Path) -> None:
    def dies() -> None:
        with mine.locked():
            os._exit(1)

    mine = opened(tmp_path)
    in_another_process(dies)
    mine.add("x")
    assert mine["x"] == 1
