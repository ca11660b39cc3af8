"""Whatever goes wrong at whichever line of a push, the unit is as before, and one more apply completes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from provision.errors import Failed, Unreachable
from provision.fortios.config.desired import CliBlock, Desired, DesiredObject, read_blocks
from provision.fortios.planning.approval import COMMIT, START
from provision.fortios.planning.planner import FortiPlan, plan
from provision.fortios.record.record import Record
from provision.fortios.session.fortigate import FortiGateSession
from provision.fortios.session.push import RolledBack
from provision.ssh.connect import HostKeyPolicy
from provision.ssh.login import Login
from tests.simulator import Faults, Options, Simulator
from tests.simulator.terminal import Terminal
from tests.unit.fortios.fortios_wire import Wire
from tests.unit.fortios.sample_cli import ACTION, ALL, FEED, KEY, STITCH, TRIGGER

LOGIN = Login("fgt", "192.0.2.1", "admin", password="fortinet")
SSL_ON = "config vpn ssl settings\nset source-interface port1\nset source-address all\nend\n"
NO_KEYS = HostKeyPolicy(Path("none"), accept_new=False)
FIRST = [CliBlock(f"b{n}.j2", text) for n, text in enumerate(ALL)]
# changes, makes and removes at once: a port, a log id, a second trigger, no enforcement any more
SECOND = [
    CliBlock("feed.j2", FEED.replace("feed-pass", "other-pass")),
    CliBlock("action.j2", ACTION.replace("5514", "5515").replace("s3cret", "n3w")),
    CliBlock(
        "new.j2", TRIGGER.replace("banstitch_login", "banstitch_admin").replace("39426", "32002")
    ),
    CliBlock("stitch.j2", STITCH.replace('trigger "banstitch_login"', 'trigger "banstitch_admin"')),
]


def objects(blocks: list[CliBlock], vdoms: bool) -> Desired:
    """What ``blocks`` say; with VDOMs SSL VPN is for `branch`, the rest global, its feed `g-...`."""
    if not vdoms:
        return read_blocks(blocks)
    named = [
        replace(each, text=each.text.replace("banstitch_feed", "g-banstitch_feed"))
        for each in blocks
    ]

    def scoped(each: DesiredObject) -> DesiredObject:
        scope = "branch" if each.id.startswith("vpn") else "global"
        return replace(each, id=f"{scope}/{each.id}")

    return Desired(tuple(map(scoped, read_blocks(named).objects)))


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


class Drill:
    """One kind of unit, and a push to it that is repeated from the same start as often as needed."""

    def __init__(self, wire: Wire, **options: Any) -> None:
        self.wire = wire
        self.options = Options(enc_stable=True, **options)
        self.vdoms = bool(self.options.vdoms)
        self.first = objects(FIRST, self.vdoms)
        self.second = objects(SECOND, self.vdoms)
        self.start = ""
        self.settled = Record()
        self.want = self.first

    def from_second(self) -> Drill:
        """The push in question is one from the first state to the second."""
        self.reset()
        self.settled = self.apply(Record()).settled
        self.start = self.wire.unit.show()
        self.want = self.second
        return self

    def reset(self) -> Simulator:
        config = replace(self.options, config=self.start) if self.start else self.options
        self.wire.unit = Simulator(config)
        if not self.start:
            self.wire.unit.run_in("branch" if self.vdoms else "", SSL_ON)
        return self.wire.unit

    def gate(self) -> FortiGateSession:
        return FortiGateSession(LOGIN, NO_KEYS)

    def apply(self, record: Record) -> FortiPlan:
        with self.gate() as gate:
            made = plan(self.want, gate.observe(self.want, record), record, key=KEY)
            gate.apply(made)
        return made

    def observed(self) -> tuple[FortiGateSession, FortiPlan]:
        gate = self.gate().__enter__()
        return gate, plan(self.want, gate.observe(self.want, self.settled), self.settled, key=KEY)

    def lines(self) -> list[str]:
        """The lines of an undisturbed push."""
        unit = self.reset()
        gate, made = self.observed()
        unit.journal.clear()
        gate.apply(made)
        return [line.text.strip() for line in unit.journal]

    def expect_as_before(self, disturb: Callable[[Simulator], Any]) -> str:
        """Push with a disturbance: nothing stays; then once more without: all is there."""
        unit = self.reset()
        before = known(unit.show())
        gate, made = self.observed()
        disturb(unit)
        said = ""
        try:
            gate.apply(made)
        except (RolledBack, Unreachable) as error:
            said = str(error)
            assert known(unit.show()) == before, said
        else:
            assert known(unit.show()) != before
        gate.__exit__(None, None, None)
        calm(unit)
        again = self.apply(self.settled if said else made.settled)
        with self.gate() as look:
            settled = again.settled
            assert plan(self.want, look.observe(self.want, settled), settled, key=KEY).changes == ()
        return said


def known(shown: str) -> list[str]:
    """``show`` without what the unit makes up anew."""
    return [line for line in shown.splitlines() if "set uuid " not in line]


def cut_after(line: int, unit: Simulator) -> None:
    unit.faults.drop_after_line = line


def refuse(pattern: str, said: str, unit: Simulator) -> None:
    unit.faults.errors[pattern] = said


def calm(unit: Simulator) -> None:
    unit.faults = Faults()


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
def drill(request: pytest.FixtureRequest, wire: Wire) -> Drill:
    kind, later = request.param
    made = Drill(wire, **KINDS[kind])
    return made.from_second() if later else made


def test_a_connection_that_is_cut_after_any_line(drill: Drill) -> None:
    for number, _ in enumerate(drill.lines(), 1):
        said = drill.expect_as_before(partial(cut_after, number))
        assert "closed the connection" in said


def test_an_error_at_any_line(drill: Drill) -> None:
    lines = drill.lines()
    for line in dict.fromkeys(lines):
        pattern = f"^ *{re.escape(line)}$"
        text = f"value parse error before '{len(line)}'\n\nCommand fail. Return code -651"

        def once(unit: Simulator, pattern: str = pattern, text: str = text) -> None:
            unit.faults.errors[pattern] = text
            answer = unit.faults.error_for

            def first(typed: str) -> str | None:
                found = answer(typed)
                if found:
                    unit.faults.errors.clear()
                return found

            vars(unit.faults)["error_for"] = first

        said = drill.expect_as_before(once)
        if not line.startswith("execute config-transaction start"):
            assert "Return code -651" in said
            assert f"'{line}'" in said


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
def test_units_of_every_kind_are_changed_and_put_back(
    options: dict[str, Any], transactions: bool, wire: Wire
) -> None:
    drill = Drill(wire, transactions=transactions, **options)
    lines = drill.lines()
    assert lines[-1] == (COMMIT if transactions else "end")
    for pattern in ("^set logid", '^set action "banstitch_webhook"'):
        said = "entry not found in datasource\n\nvalue parse error before 'x'\nCommand fail. Return code -3"
        found = drill.expect_as_before(partial(refuse, pattern, said))
        assert "Return code -3" in found


@both_ways
@pytest.mark.parametrize("piece", [1, 7])
def test_a_slow_echo_in_small_pieces_is_waited_for(
    piece: int, transactions: bool, wire: Wire
) -> None:
    wire.piece = piece
    drill = Drill(wire, transactions=transactions)
    drill.lines()
    assert "closed" in drill.expect_as_before(partial(cut_after, 9))


@both_ways
def test_a_full_table_leaves_nothing_of_the_push(transactions: bool, wire: Wire) -> None:
    rows = {"system automation-trigger": 1}
    drill = Drill(wire, transactions=transactions, table_limits=rows)
    unit = drill.reset()
    before = unit.show()
    with pytest.raises(RolledBack, match="reached the maximum number of entries"):
        drill.apply(Record())
    assert unit.show() == before
    rows.clear()
    assert drill.apply(Record()).changes


def test_a_unit_that_logs_out_the_idle_is_not_changed(wire: Wire) -> None:
    drill = Drill(wire)
    unit = drill.reset()
    before = unit.show()
    gate, made = drill.observed()
    wire.log_out()
    with pytest.raises(Unreachable, match="idle time-out; nothing was being changed"):
        gate.apply(made)
    assert unit.show() == before
    assert drill.apply(Record()).changes


def _only_first_line(monkeypatch: pytest.MonkeyPatch, when: bytes) -> None:
    """A unit that throws away, with what holds ``when``, all that was typed after its first line."""
    feed = Terminal.feed

    def forgetful(self: Terminal, data: bytes) -> None:
        feed(self, b"".join(data.partition(b"\n")[:2]) if when in data else data)

    monkeypatch.setattr(Terminal, "feed", forgetful)


@both_ways
@pytest.mark.parametrize("when", [b"", b"edit", b"set logid", b"set source-address"])
def test_a_unit_that_forgets_what_was_typed_ahead_gets_it_line_by_line(
    when: bytes, transactions: bool, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill = Drill(wire, transactions=transactions)
    drill.reset()
    _only_first_line(monkeypatch, when)
    made = drill.apply(Record())
    assert made.changes
    with drill.gate() as gate:
        again = plan(drill.want, gate.observe(drill.want, made.settled), made.settled, key=KEY)
    assert again.changes == ()


def test_an_object_in_the_transaction_of_another_is_named_and_nothing_stays(wire: Wire) -> None:
    drill = Drill(wire).from_second()
    unit = drill.reset()
    other = unit.console(paging=False)
    other.type(
        f"{START}\nconfig system automation-action\nedit banstitch_webhook\nset port 1\n".encode()
    )
    other.type(b"next\nend\n")
    before = unit.show()
    with pytest.raises(RolledBack, match="somebody else is editing it") as caught:
        drill.apply(drill.settled)
    assert "system automation-action:banstitch_webhook" in str(caught.value)
    assert unit.show() == before
    other.type(b"execute config-transaction abort\n")
    assert drill.apply(drill.settled).changes


@pytest.mark.parametrize("survives", [True, False])
def test_the_transaction_of_a_dead_run_does_not_stop_the_next_for_ever(
    survives: bool, wire: Wire
) -> None:
    drill = Drill(wire, transaction_survives=survives)
    unit = drill.reset()
    before = unit.show()
    gate, made = drill.observed()
    unit.faults.drop_at = "commit"
    with pytest.raises(RolledBack):
        gate.apply(made)
    assert unit.show() == before
    if survives:
        with pytest.raises(RolledBack, match="or an interrupted run was"):
            drill.apply(Record())
        assert unit.show() == before
        for each in unit.transactions._open.values():
            each.last -= 1000
    assert drill.apply(Record()).changes


def test_a_transaction_that_expires_in_the_middle_leaves_nothing(wire: Wire) -> None:
    drill = Drill(wire)
    drill.lines()

    def expire(unit: Simulator) -> None:
        answer = unit.faults.error_for

        def late(typed: str) -> str | None:
            if "automation-stitch" in typed:
                for each in unit.transactions._open.values():
                    each.last -= 1000
            return answer(typed)

        vars(unit.faults)["error_for"] = late

    assert "has expired" in drill.expect_as_before(expire)


@both_ways
@pytest.mark.parametrize("line", ["edit", "next", "config vpn", "commit"])
def test_a_question_is_answered_no_and_the_push_put_back(
    line: str, transactions: bool, wire: Wire
) -> None:
    drill = Drill(wire, transactions=transactions)
    unit = drill.reset()
    before = unit.show()
    gate, made = drill.observed()
    unit.options.questions[line] = "This may take a while.\nDo you want to continue? (y/n)"
    if line == "commit" and not transactions:
        gate.apply(made)
        return
    with pytest.raises(RolledBack, match="Do you want to continue"):
        gate.apply(made)
    assert unit.show() == before
    unit.options.questions.clear()
    assert drill.apply(Record()).changes


def test_a_put_back_that_is_cut_too_is_mended_by_the_next_run(wire: Wire) -> None:
    drill = Drill(wire, transactions=False)
    unit = drill.reset()
    gate, made = drill.observed()
    unit.faults.errors["^config vpn"] = "Command fail. Return code -61"
    unit.faults.drop_at = "^delete"
    with pytest.raises(Failed, match="run the command again to complete it") as caught:
        gate.apply(made)
    assert not isinstance(caught.value, RolledBack)
    calm(unit)
    assert drill.apply(made.record).changes
    assert drill.apply(made.settled).changes == ()
