"""A push that fails at any line leaves the FortiGate as it was, and one more apply completes it."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest

from provision.errors import Failed, Unreachable
from provision.fortios.planning.approval import COMMIT, START
from provision.fortios.planning.planner import plan
from provision.fortios.record.record import Record
from provision.fortios.session.push import RolledBack
from tests.simulator import Simulator
from tests.unit.fortios.fortios_wire import Wire
from tests.unit.fortios.repeated_push import RepeatedPush, calm, cut_after, refuse, refuse_line_once
from tests.unit.fortios.sample_cli import KEY

pytestmark = pytest.mark.slow

KINDS: dict[str, dict[str, Any]] = {
    "transactions": {},
    "without transactions": {"transactions": False},
    "VDOMs": {"vdoms": ("root", "branch")},
    "VDOMs without transactions": {"vdoms": ("root", "branch"), "transactions": False},
}
FIRST_OR_LATER = [(kind, False) for kind in KINDS] + [(kind, True) for kind in list(KINDS)[:2]]


@pytest.fixture(
    params=FIRST_OR_LATER, ids=lambda each: f"{'later' if each[1] else 'first'}, {each[0]}"
)
def repeated(request: pytest.FixtureRequest, wire: Wire) -> RepeatedPush:
    kind, later = request.param
    made = RepeatedPush(wire, **KINDS[kind])
    return made.from_second() if later else made


def test_a_connection_cut_after_any_line_leaves_nothing_of_the_push(repeated: RepeatedPush) -> None:
    for number, _ in enumerate(repeated.lines(), 1):
        said = repeated.expect_as_before(partial(cut_after, number))
        assert "closed the connection" in said


def test_a_refused_line_leaves_nothing_of_the_push(repeated: RepeatedPush) -> None:
    for line in dict.fromkeys(repeated.lines()):
        error = f"value parse error before '{len(line)}'\n\nCommand fail. Return code -651"
        refuse_once = partial(refuse_line_once, f"^ *{re.escape(line)}$", error)
        report = repeated.expect_as_before(refuse_once)
        if not line.startswith("execute config-transaction start"):
            assert "Return code -651" in report
            assert f"'{line}'" in report


both_ways = pytest.mark.parametrize("transactions", [True, False], ids=["atomic", "by object"])
UNITS: dict[str, dict[str, Any]] = {
    "a pager at every second line": {"pager_lines": 1},
    "a pager at every third line": {"pager_lines": 2},
    "output without pages": {"console": "standard"},
    "a cluster": {"ha_role": "Primary"},
    "a cluster, spelt otherwise": {"ha_role": "Primary", "ha_prompt": "({role})"},
    "a long name, cut": {"hostname": "fw-1.example.branch-office", "prompt_name": "fw-1.exampl~"},
    "a disclaimer that looks like prompts": {"disclaimer": "keep # out $ \nFGT-A # \nFGT-A $ "},
    "a banner": {"banner": "Welcome # to $ this\nFGT-A # "},
    "echoes broken at the width": {"echo_wrap": "\r\n"},
    "a bare continuation prompt": {"continuation": ""},
}


@both_ways
@pytest.mark.parametrize("options", UNITS.values(), ids=UNITS)
def test_every_kind_of_fortigate_is_changed_and_rolled_back(
    options: dict[str, Any], transactions: bool, wire: Wire
) -> None:
    repeated = RepeatedPush(wire, transactions=transactions, **options)
    lines = repeated.lines()
    assert lines[-1] == (COMMIT if transactions else "end")
    for pattern in ("^set logid", '^set action "banstitch_webhook"'):
        said = "entry not found in datasource\n\nvalue parse error before 'x'\nCommand fail. Return code -3"
        found = repeated.expect_as_before(partial(refuse, pattern, said))
        assert "Return code -3" in found


@both_ways
@pytest.mark.parametrize("piece", [1, 7])
def test_a_slow_echo_in_small_pieces_is_waited_for(
    piece: int, transactions: bool, wire: Wire
) -> None:
    wire.piece = piece
    repeated = RepeatedPush(wire, transactions=transactions)
    repeated.lines()
    assert "closed" in repeated.expect_as_before(partial(cut_after, 9))


@both_ways
def test_a_full_table_leaves_nothing_of_the_push(transactions: bool, wire: Wire) -> None:
    rows = {"system automation-trigger": 1}
    repeated = RepeatedPush(wire, transactions=transactions, table_limits=rows)
    fortigate = repeated.reset()
    before = fortigate.show()
    with pytest.raises(RolledBack, match="reached the maximum number of entries"):
        repeated.apply(Record())
    assert fortigate.show() == before
    rows.clear()
    assert repeated.apply(Record()).changes


def test_a_fortigate_that_ends_an_idle_session_is_not_changed(wire: Wire) -> None:
    repeated = RepeatedPush(wire)
    fortigate = repeated.reset()
    before = fortigate.show()
    session, made = repeated.observed()
    wire.log_out()
    with pytest.raises(Unreachable, match="idle timeout; nothing was being changed"):
        session.apply(made)
    assert fortigate.show() == before
    assert repeated.apply(Record()).changes


@both_ways
@pytest.mark.parametrize("when", ["", "edit", "set logid", "set source-address"])
def test_a_fortigate_that_drops_what_is_typed_ahead_gets_it_line_by_line(
    when: str, transactions: bool, wire: Wire
) -> None:
    options = {"transactions": transactions, "type_ahead": "dropped", "drops_with": when}
    repeated = RepeatedPush(wire, **options)
    repeated.reset()
    made = repeated.apply(Record())
    assert made.changes
    with repeated.session() as session:
        observed = session.observe(repeated.want, made.settled)
    assert plan(repeated.want, observed, made.settled, key=KEY).changes == ()


def test_an_object_locked_by_another_transaction_is_named_and_nothing_stays(wire: Wire) -> None:
    repeated = RepeatedPush(wire).from_second()
    fortigate = repeated.reset()
    other = fortigate.console(paging=False)
    other.type(
        f"{START}\nconfig system automation-action\nedit banstitch_webhook\nset port 1\n".encode()
    )
    other.type(b"next\nend\n")
    before = fortigate.show()
    with pytest.raises(RolledBack, match="somebody else is editing it") as caught:
        repeated.apply(repeated.settled)
    assert "system automation-action:banstitch_webhook" in str(caught.value)
    assert fortigate.show() == before
    other.type(b"execute config-transaction abort\n")
    assert repeated.apply(repeated.settled).changes


@pytest.mark.parametrize("survives", [True, False])
def test_the_transaction_of_an_interrupted_run_does_not_block_the_next_for_ever(
    survives: bool, wire: Wire
) -> None:
    repeated = RepeatedPush(wire, transaction_survives=survives)
    fortigate = repeated.reset()
    before = fortigate.show()
    session, made = repeated.observed()
    fortigate.faults.drop_at = "commit"
    with pytest.raises(RolledBack):
        session.apply(made)
    assert fortigate.show() == before
    if survives:
        with pytest.raises(RolledBack, match="or an interrupted run was"):
            repeated.apply(Record())
        assert fortigate.show() == before
        fortigate.transactions.expire_all()
    assert repeated.apply(Record()).changes


def test_a_transaction_that_expires_in_the_middle_leaves_nothing(wire: Wire) -> None:
    repeated = RepeatedPush(wire)
    repeated.lines()

    def expire(fortigate: Simulator) -> None:
        fortigate.faults.expire_transactions_at = "automation-stitch"

    assert "has expired" in repeated.expect_as_before(expire)


@both_ways
@pytest.mark.parametrize("line", ["edit", "next", "config vpn", "commit"])
def test_a_question_is_answered_no_and_the_push_is_rolled_back(
    line: str, transactions: bool, wire: Wire
) -> None:
    repeated = RepeatedPush(wire, transactions=transactions)
    fortigate = repeated.reset()
    before = fortigate.show()
    session, made = repeated.observed()
    fortigate.options.questions[line] = "This may take a while.\nDo you want to continue? (y/n)"
    if line == "commit" and not transactions:
        session.apply(made)
        return
    with pytest.raises(RolledBack, match="Do you want to continue"):
        session.apply(made)
    assert fortigate.show() == before
    fortigate.options.questions.clear()
    assert repeated.apply(Record()).changes


def test_an_interrupted_rollback_is_completed_by_the_next_run(wire: Wire) -> None:
    repeated = RepeatedPush(wire, transactions=False)
    fortigate = repeated.reset()
    session, made = repeated.observed()
    fortigate.faults.errors["^config vpn"] = "Command fail. Return code -61"
    fortigate.faults.drop_at = "^delete"
    with pytest.raises(Failed, match="run the command again to complete it") as caught:
        session.apply(made)
    assert not isinstance(caught.value, RolledBack)
    calm(fortigate)
    assert repeated.apply(made.record).changes
    assert repeated.apply(made.settled).changes == ()
