"""The states of units, as systemctl shows all of them together."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from provision.linux.agent import units
from provision.linux.agent.host import Ran
from provision.linux.agent.http_client import Answer
from provision.linux.agent.protocol.observe import ServiceQuestion
from provision.linux.agent.protocol.state import ServiceState

SHOWN = {
    "a.service": "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=yes",
    "b.service": "LoadState=not-found\nActiveState=inactive\nUnitFileState=\nNeedDaemonReload=no",
    "c.socket": "Listen=127.0.0.1:5000 (Stream)\nLoadState=loaded\nActiveState=active\n"
    "UnitFileState=disabled\nNeedDaemonReload=no",
}
STATES = {
    "a.service": ServiceState(True, True, True, stale=True, answers=True, taken_by=""),
    "b.service": ServiceState(False, False, False, stale=False, answers=False, taken_by=""),
    "c.socket": ServiceState(True, False, True, stale=False, answers=True, taken_by=""),
}
QUESTIONS = [
    ServiceQuestion("a.service", "", "", ""),
    ServiceQuestion("b.service", "http://127.0.0.1:1/", "", ""),
    ServiceQuestion("c.socket", "", "", "127.0.0.1:5000"),
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Let systemctl show units, except together with one that it does not take; return what it was asked."""
    found: list[list[str]] = []

    def run(argv: Sequence[str]) -> Ran:
        names = [each for each in argv if each.endswith((".service", ".socket"))]
        found.append(names)
        if "bad@.service" in names:
            return Ran(1, "Failed to get properties: Unit name bad@.service is not valid.")
        return Ran(0, "\n\n".join(SHOWN[name] for name in names))

    monkeypatch.setattr(units, "run", run)
    return found


def test_all_units_are_shown_by_one_program(asked: list[list[str]]) -> None:
    assert units.read_states(QUESTIONS) == STATES
    assert asked == [["a.service", "b.service", "c.socket"]]


@pytest.mark.parametrize(("status", "answers"), [(200, True), (503, False), (0, False)])
def test_an_active_unit_answers_only_if_its_address_says_so(
    asked: list[list[str]], monkeypatch: pytest.MonkeyPatch, status: int, answers: bool
) -> None:
    monkeypatch.setattr(units, "ask", lambda *_: Answer(status, ""))
    question = ServiceQuestion("a.service", "http://127.0.0.1:1/", "", "")
    (state,) = units.read_states([question]).values()
    assert (state.active, state.answers) == (True, answers)


def test_a_unit_that_systemd_does_not_take_hides_no_other(asked: list[list[str]]) -> None:
    bad = ServiceQuestion("bad@.service", "", "", "")
    found = units.read_states([*QUESTIONS, bad])
    assert found.pop("bad@.service") == STATES["b.service"]
    assert found == STATES


def test_no_units_are_not_asked_for(asked: list[list[str]]) -> None:
    assert units.read_states([]) == {}
    assert asked == []
