"""FortiGates whose words, echoes and prompts differ from those in the captures."""

from __future__ import annotations

from typing import Any

import pytest

from provision.fortios.config import probes
from provision.fortios.config.desired import CliBlock, Desired, read_blocks
from provision.fortios.config.facts import read_facts
from provision.fortios.planning.planner import plan, teardown
from provision.fortios.record.record import Record
from provision.fortios.session import refusals
from provision.fortios.session.fortigate import FortiGateSession
from provision.fortios.session.push import RolledBack
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.simulator import Options, Simulator
from tests.unit.fortios.fortios_wire import Wire
from tests.unit.fortios.sample_cli import KEY, SSL_ON, WANT

LOGIN = Login(host="fgt", address="127.0.0.1", port=22, user="admin", password="fortinet")


def _apply_and_remove(access: Access, wire: Wire) -> None:
    """Apply, check that a second run has nothing to do, and remove everything."""
    wire.fortigate.run(SSL_ON)
    before = wire.fortigate.show()
    with FortiGateSession(LOGIN, access) as session:
        made = plan(WANT, session.observe(WANT, Record()), Record(), key=KEY)
        session.apply(made)
    wire.fortigate.journal.clear()
    with FortiGateSession(LOGIN, access) as session:
        record = made.settled
        assert plan(WANT, session.observe(WANT, record), record, key=KEY).changes == ()
    assert wire.fortigate.journal.changing() == []
    with FortiGateSession(LOGIN, access) as session:
        session.apply(teardown(session.observe(Desired(), record), record))
    assert wire.fortigate.show() == before


@pytest.fixture
def wire(wire: Wire) -> Wire:
    """A wire to a FortiGate with a small pager."""
    return _connect(wire)


def _connect(wire: Wire, **options: Any) -> Wire:
    wire.fortigate = Simulator(Options(pager_lines=5, enc_stable=True, **options))
    return wire


@pytest.mark.parametrize(
    "options",
    [{"type_ahead": "dropped"}, {"type_ahead": "joined"}, {"echo": "ahead"}, {"echo": "none"}],
    ids=["dropped", "joined", "echoed ahead", "not echoed"],
)
def test_a_terminal_without_type_ahead_is_served_line_by_line(
    options: dict[str, Any], access: Access, wire: Wire
) -> None:
    _apply_and_remove(access, _connect(wire, **options))


def test_type_ahead_that_was_lost_is_not_tried_again(access: Access, wire: Wire) -> None:
    _connect(wire, type_ahead="dropped")
    with FortiGateSession(LOGIN, access) as session:
        session.observe(WANT, Record())
    assert len([keys for keys in wire.typed if keys.count(b"\n") > 1]) == 1


@pytest.mark.parametrize(
    "form",
    [
        "{prompt}",
        "\x1b[0m\x1b[1;32m{prompt}\x1b[0m ",
        "{prompt} \r{prompt} ",
        "\x1b[?2004h{prompt} \x1b[K",
    ],
    ids=["no blank", "colored", "drawn twice", "with escape sequences"],
)
def test_a_prompt_is_recognized_however_it_is_drawn(form: str, access: Access, wire: Wire) -> None:
    _apply_and_remove(access, _connect(wire, prompt_form=form))


def test_a_line_is_recognized_that_wraps_at_another_width(access: Access, wire: Wire) -> None:
    _apply_and_remove(access, _connect(wire, width=80, echo_wrap=" \r"))


@pytest.mark.parametrize("word", ["Unknown action 0", "Unknown command: sudo", ""])
def test_vdoms_are_found_where_vdom_property_is_not_shown(
    word: str, access: Access, wire: Wire
) -> None:
    wire.fortigate = Simulator(Options(vdoms=("root", "dmz")))
    wire.fortigate.faults.errors["vdom-property"] = "command parse error before 'vdom-property'"
    wire.fortigate.faults.errors["^ *sudo "] = word
    with FortiGateSession(LOGIN, access) as session:
        assert session.facts.vdom_names == ("root",)


def test_vdoms_are_found_by_the_interfaces_that_belong_to_them() -> None:
    interfaces = (
        'config system interface\nedit "a"\nset vdom "dmz"\nnext\n  edit b\n    set vdom root\n'
    )
    assert probes.find_vdoms_in_use("Hostname: x", interfaces) == ("dmz", "root")


@pytest.mark.parametrize("wipe", ["\r\x1b[K", "\x1b[2K\r", "\b \b" * 9, "\r\n", ""])
def test_a_pager_is_recognized_however_it_is_wiped(wipe: str, access: Access, wire: Wire) -> None:
    _apply_and_remove(access, _connect(wire, pager_wipe=wipe))


def test_a_fortigate_that_ignores_transactions_is_rolled_back(access: Access, wire: Wire) -> None:
    wire.fortigate.run(SSL_ON)
    wire.fortigate.faults.errors["config-transaction"] = ""
    wire.fortigate.faults.errors["source-address-negate"] = "Command fail. Return code -61"
    before = wire.fortigate.show()
    with FortiGateSession(LOGIN, access) as session:
        made = plan(WANT, session.observe(WANT, Record()), Record(), key=KEY)
        with pytest.raises(RolledBack):
            session.apply(made)
    assert wire.fortigate.show() == before


@pytest.mark.parametrize("transactions", [True, False])
def test_a_question_before_deleting_our_object_is_answered_yes(
    transactions: bool, access: Access, wire: Wire
) -> None:
    wire.fortigate = Simulator(Options(transactions=transactions, enc_stable=True))
    wire.fortigate.options.questions["^delete"] = "Do you want to delete it? (y/n)"
    _apply_and_remove(access, wire)


def test_an_entry_is_found_in_its_table_where_show_takes_no_key(access: Access, wire: Wire) -> None:
    wire.fortigate.faults.errors['^ *show .*"'] = "command parse error before 'it'"
    _apply_and_remove(access, wire)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (
            "^ *set trigger",
            "entry not found in datasource\n\nvalue parse error before 'banstitch_login'",
        ),
        (
            '^ *delete "?banstitch_feed',
            "The entry is used by other 1 entries\nCommand fail. Return code -23",
        ),
        ("^ *config vpn", "not allowed in a transaction\nCommand fail. Return code -1"),
    ],
)
def test_a_line_refused_only_in_a_transaction_is_pushed_without_one(
    line: str, answer: str, access: Access, wire: Wire
) -> None:
    wire.fortigate.faults.refuse_in_transaction[line] = answer
    _apply_and_remove(access, wire)


def test_a_part_of_a_secret_in_a_refusal_is_hidden() -> None:
    said = "the size is 19, the limit is 8\nvalue parse error before 'geheim-u"
    said += "\nvalue parse error before 'und-lang'"
    told = refusals.hide_partial_values(said, 'set password "geheim-und-sehr-und-lang"')
    assert "geheim" not in told
    assert "und-lang" not in told
    whole = "entry not found / value parse error before 'banstitch_feed'"
    assert refusals.hide_partial_values(whole, 'set source-address "banstitch_feed"') == whole


@pytest.mark.parametrize(
    "answer",
    [
        "entry is not found in table",
        "\nentry is not found in table\nCommand fail. Return code -1",
        "Entry not found\nCommand fail. Return code -3",
        "Command fail. Return code -3",
    ],
)
def test_every_wording_for_a_missing_entry_is_recognized(answer: str) -> None:
    assert refusals.has_no_entry(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "command parse error before 'ssl'\nCommand fail. Return code -61",
        "command parse error before 'proxy-policy'",
        "Unknown action 0",
        "Unknown command: external-resource",
    ],
)
def test_every_wording_for_a_missing_table_is_recognized(answer: str) -> None:
    assert refusals.has_no_table(answer)
    assert not refusals.has_no_entry(answer)


@pytest.mark.parametrize(
    ("status", "serial"),
    [
        ("Version: FortiGate-60F v7.4.8,build2795,250523 (GA.M)\nHostname: FGT-A", "FGT-A"),
        ("Version: FortiGate-60F v7.4.8 (GA)\nSerial-Number: FGT60F01", "FGT60F01"),
        ("Version: FortiGate-60F v7.4.8,build2795,250523 (GA.M)", ""),
    ],
)
def test_a_status_of_few_lines_is_enough(status: str, serial: str) -> None:
    facts = read_facts(status)
    assert facts is not None
    assert (facts.version, facts.serial, facts.vdoms) == ((7, 4, 8), serial, False)


def test_a_disclaimer_is_accepted_on_a_terminal_that_reads_whole_lines(
    access: Access, wire: Wire
) -> None:
    _connect(wire, disclaimer="Authorised use only #", accepts_by_line=True)
    with FortiGateSession(LOGIN, access) as session:
        assert session.facts.version == (7, 4, 8)


def test_an_optional_object_is_left_out_where_its_table_is_missing(
    access: Access, wire: Wire
) -> None:
    wire.fortigate = Simulator(Options(without_tables=("vpn certificate ca",)))
    text = 'config vpn certificate ca\nedit "banstitch_ca"\nset ca "PEM"\nnext\nend\n'
    want = read_blocks([CliBlock("ca.j2", text, without="nothing is checked")])
    with FortiGateSession(LOGIN, access) as session:
        made = plan(want, session.observe(want, Record()), Record(), key=KEY)
    assert made.changes == ()
    assert made.warnings == ("this FortiGate has no 'vpn certificate ca': nothing is checked",)
    assert made.settled.objects == {}
