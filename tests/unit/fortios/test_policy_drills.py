"""Whatever goes wrong at whichever line of a push of policies, each is as before, and where it was."""

from __future__ import annotations

import re
from functools import partial

import pytest

from provision.fortios.config.desired import CliBlock, read_blocks
from tests.simulator import Simulator
from tests.unit.fortios.fortios_wire import Wire
from tests.unit.fortios.test_drills import Drill, cut_after
from tests.unit.fortios.test_policies import FEED, LOCAL_IN, POLICY

REFUSED = "value parse error before 'x'\n\nCommand fail. Return code -651"
# an operator's own, so that there is something to stand before
THEIRS = (
    LOCAL_IN.replace("9001", "7")
    .replace("banstitch_feed", "all")
    .replace("Managed by Banstitch", "theirs")
)
FIRST = [FEED, POLICY, LOCAL_IN]
# one policy changes, the other goes
SECOND = [FEED, POLICY.replace('set dstintf "any"', 'set dstintf "port2"')]


class PolicyDrill(Drill):
    """A push of a feed, a policy and a local-in policy to a unit with policies of its own."""

    def __init__(self, wire: Wire, transactions: bool) -> None:
        super().__init__(wire, transactions=transactions)
        self.first = read_blocks([CliBlock("first.j2", _named("".join(FIRST)))])
        self.second = read_blocks([CliBlock("second.j2", _named("".join(SECOND)))])
        self.want = self.first

    def reset(self) -> Simulator:
        unit = super().reset()
        if self.start:
            unit.run("config firewall policy\nmove 1 before 9001\nend\n")  # so there is a move
        else:
            unit.run(_named(THEIRS))
        return unit


def _named(text: str) -> str:
    return text.replace("wan1", "port1")


@pytest.fixture(params=["first", "later", "first, atomic", "later, atomic"])
def drill(request: pytest.FixtureRequest, wire: Wire) -> Drill:
    made = PolicyDrill(wire, "atomic" in request.param)
    return made.from_second() if "later" in request.param else made


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


def test_the_push_moves_policies(drill: Drill) -> None:
    assert [line for line in drill.lines() if line.startswith("move 9001 before")]


def test_a_connection_that_is_cut_after_any_line_of_policies(drill: Drill) -> None:
    for number, _ in enumerate(drill.lines(), 1):
        drill.expect_as_before(partial(cut_after, number))


def test_an_error_at_any_line_of_policies(drill: Drill) -> None:
    for line in dict.fromkeys(drill.lines()):

        def once(unit: Simulator, pattern: str = f"^ *{re.escape(line)}$") -> None:
            unit.faults.errors[pattern] = REFUSED
            answer = unit.faults.error_for

            def first(typed: str) -> str | None:
                found = answer(typed)
                if found:
                    unit.faults.errors.clear()
                return found

            vars(unit.faults)["error_for"] = first

        drill.expect_as_before(once)
