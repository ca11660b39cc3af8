"""A push of policies that fails at any line leaves every policy as it was, and where it was."""

from __future__ import annotations

import re
from functools import partial

import pytest

from provision.fortios.config.desired import CliBlock, read_blocks
from tests.simulator import Simulator
from tests.unit.fortios.fortios_wire import Wire
from tests.unit.fortios.repeated_push import RepeatedPush, cut_after, refuse_line_once
from tests.unit.fortios.sample_policies import FEED, LOCAL_IN, POLICY

pytestmark = pytest.mark.slow

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


class RepeatedPolicyPush(RepeatedPush):
    """A push of a feed, a policy and a local-in policy to a FortiGate with policies of its own."""

    def __init__(self, wire: Wire, transactions: bool) -> None:
        super().__init__(wire, transactions=transactions)
        self.first = read_blocks([CliBlock("first.j2", _named("".join(FIRST)))])
        self.second = read_blocks([CliBlock("second.j2", _named("".join(SECOND)))])
        self.want = self.first

    def reset(self) -> Simulator:
        fortigate = super().reset()
        if self.start:
            fortigate.run("config firewall policy\nmove 1 before 9001\nend\n")  # so there is a move
        else:
            fortigate.run(_named(THEIRS))
        return fortigate


def _named(text: str) -> str:
    return text.replace("wan1", "port1")


@pytest.fixture(params=["first", "later", "first, atomic", "later, atomic"])
def repeated(request: pytest.FixtureRequest, wire: Wire) -> RepeatedPush:
    made = RepeatedPolicyPush(wire, "atomic" in request.param)
    return made.from_second() if "later" in request.param else made


def test_the_push_moves_policies(repeated: RepeatedPush) -> None:
    assert [line for line in repeated.lines() if line.startswith("move 9001 before")]


def test_a_connection_cut_after_any_line_of_policies_leaves_nothing_of_the_push(
    repeated: RepeatedPush,
) -> None:
    for number, _ in enumerate(repeated.lines(), 1):
        repeated.expect_as_before(partial(cut_after, number))


def test_a_refused_line_of_policies_leaves_nothing_of_the_push(
    repeated: RepeatedPolicyPush,
) -> None:
    for line in dict.fromkeys(repeated.lines()):
        pattern = f"^ *{re.escape(line)}$"
        repeated.expect_as_before(partial(refuse_line_once, pattern, REFUSED))
