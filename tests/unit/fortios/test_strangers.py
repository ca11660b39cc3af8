"""Units, and stand-ins for units, that word and echo things otherwise than the captures show."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.fortios.config import probes
from provision.fortios.config.desired import CliBlock, Desired, read_blocks
from provision.fortios.config.versions import read_facts
from provision.fortios.planning.planner import plan, teardown
from provision.fortios.record.record import Record
from provision.fortios.session import refusals
from provision.fortios.session.command_line import CommandLine
from provision.fortios.session.fortigate import FortiGateSession
from provision.fortios.session.push import RolledBack
from provision.ssh.connect import HostKeyPolicy
from provision.ssh.login import Login
from tests.simulator import Options, Simulator, terminal
from tests.simulator.terminal import Terminal
from tests.unit.fortios.fortios_wire import Wire
from tests.unit.fortios.sample_cli import KEY, SSL_ON, WANT

Feed = Callable[[Terminal, bytes], None]
FEED, ECHO = Terminal.feed, Terminal._echo
LOGIN = Login(host="fgt", address="127.0.0.1", port=22, user="admin", password="fortinet")


def _one_line_at_a_time(unit: Terminal, data: bytes) -> None:
    FEED(unit, b"".join(data.partition(b"\n")[:2]))


def _what_comes_is_one_command(unit: Terminal, data: bytes) -> None:
    one = b" ".join(data.split(b"\n")).strip(b" ") + b"\n"
    FEED(unit, one if b"\n" in data else data[:1])


def _echoes_before_it_reads(unit: Terminal, data: bytes) -> None:
    ECHO(unit, data.replace(b"\n", b"\r\n"))
    unit._echoes = False
    FEED(unit, data)
    unit._echoes = True


def _echoes_nothing(unit: Terminal, data: bytes) -> None:
    unit._echoes = False
    FEED(unit, data)


def _wraps_at_80(unit: Terminal, data: bytes) -> None:
    unit._width, unit._wrap = 80, b" \r"
    FEED(unit, data)


def _there_and_back(policy: HostKeyPolicy, wire: Wire) -> None:
    """Apply, look again, take away: as on any unit."""
    wire.unit.run(SSL_ON)
    before = wire.unit.show()
    with FortiGateSession(LOGIN, policy) as gate:
        made = plan(WANT, gate.observe(WANT, Record()), Record(), key=KEY)
        gate.apply(made)
    wire.unit.journal.clear()
    with FortiGateSession(LOGIN, policy) as gate:
        record = made.settled
        assert plan(WANT, gate.observe(WANT, record), record, key=KEY).changes == ()
    assert wire.unit.journal.changing() == []
    with FortiGateSession(LOGIN, policy) as gate:
        gate.apply(teardown(gate.observe(Desired(), record), record))
    assert wire.unit.show() == before


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    made = Wire(monkeypatch)
    made.unit = Simulator(Options(pager_lines=5, enc_stable=True))
    return made


@pytest.fixture
def policy(tmp_path: Path) -> HostKeyPolicy:
    return HostKeyPolicy(tmp_path / "known_hosts", accept_new=True)


@pytest.mark.parametrize(
    "feed",
    [_one_line_at_a_time, _what_comes_is_one_command, _echoes_before_it_reads, _echoes_nothing],
)
def test_a_terminal_that_takes_no_type_ahead_is_served_line_by_line(
    feed: Feed, policy: HostKeyPolicy, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Terminal, "feed", feed)
    _there_and_back(policy, wire)


def test_type_ahead_that_was_lost_is_not_tried_again(
    policy: HostKeyPolicy, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Terminal, "feed", _one_line_at_a_time)
    sent: list[str] = []
    send = CommandLine._send

    def spied(made: CommandLine, text: str) -> None:
        sent.append(text)
        send(made, text)

    monkeypatch.setattr(CommandLine, "_send", spied)
    with FortiGateSession(LOGIN, policy) as gate:
        gate.observe(WANT, Record())
    assert len([text for text in sent if text.count("\n") > 1]) == 1


@pytest.mark.parametrize(
    "form", ["{0}", "\x1b[0m\x1b[1;32m{0}\x1b[0m ", "{0} \r{0} ", "\x1b[?2004h{0} \x1b[K"]
)
def test_a_prompt_is_known_however_it_is_drawn(
    form: str, policy: HostKeyPolicy, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Terminal.__init__

    def drawn(unit: Terminal, *given: Any, **more: Any) -> None:
        start(unit, *given, **more)
        plain = unit._prompt
        unit._prompt = lambda: form.format(plain().rstrip())

    monkeypatch.setattr(Terminal, "__init__", drawn)
    _there_and_back(policy, wire)


def test_a_line_is_known_that_is_wrapped_at_a_width_that_nobody_asked_for(
    policy: HostKeyPolicy, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Terminal, "feed", _wraps_at_80)
    _there_and_back(policy, wire)


@pytest.mark.parametrize("word", ["Unknown action 0", "Unknown command: sudo", ""])
def test_vdoms_are_found_where_their_properties_are_not_shown(
    word: str, policy: HostKeyPolicy, wire: Wire
) -> None:
    wire.unit = Simulator(Options(vdoms=("root", "dmz")))
    wire.unit.faults.errors["vdom-property"] = "command parse error before 'vdom-property'"
    wire.unit.faults.errors["^ *sudo "] = word
    with FortiGateSession(LOGIN, policy) as gate:
        assert gate.facts.vdom_names == ("root",)


def test_vdoms_are_found_by_the_interfaces_that_belong_to_them() -> None:
    interfaces = (
        'config system interface\nedit "a"\nset vdom "dmz"\nnext\n  edit b\n    set vdom root\n'
    )
    assert probes.find_vdoms_in_use("Hostname: x", interfaces) == ("dmz", "root")


@pytest.mark.parametrize("wipe", [b"\r\x1b[K", b"\x1b[2K\r", b"\b \b" * 9, b"\r\n", b""])
def test_every_way_to_wipe_a_pager_is_understood(
    wipe: bytes, policy: HostKeyPolicy, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "MORE_GONE", wipe)
    _there_and_back(policy, wire)


def test_a_unit_that_only_pretends_to_know_transactions_is_put_back(
    policy: HostKeyPolicy, wire: Wire
) -> None:
    wire.unit.run(SSL_ON)
    wire.unit.faults.errors["config-transaction"] = ""
    wire.unit.faults.errors["source-address-negate"] = "Command fail. Return code -61"
    before = wire.unit.show()
    with FortiGateSession(LOGIN, policy) as gate:
        made = plan(WANT, gate.observe(WANT, Record()), Record(), key=KEY)
        with pytest.raises(RolledBack):
            gate.apply(made)
    assert wire.unit.show() == before


@pytest.mark.parametrize("transactions", [True, False])
def test_the_question_whether_to_delete_what_is_ours_is_answered_yes(
    transactions: bool, policy: HostKeyPolicy, wire: Wire
) -> None:
    wire.unit = Simulator(Options(transactions=transactions, enc_stable=True))
    wire.unit.options.questions["^delete"] = "Do you want to delete it? (y/n)"
    _there_and_back(policy, wire)


def test_an_entry_is_looked_for_in_its_table_where_a_unit_shows_no_single_ones(
    policy: HostKeyPolicy, wire: Wire
) -> None:
    wire.unit.faults.errors['^ *show .*"'] = "command parse error before 'it'"
    _there_and_back(policy, wire)


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
def test_what_is_refused_only_in_a_transaction_is_done_without_one(
    line: str, answer: str, policy: HostKeyPolicy, wire: Wire
) -> None:
    faults, transactions = wire.unit.faults, wire.unit.transactions
    vars(faults)["error_for"] = lambda typed: (
        answer if transactions._open and re.search(line, typed) else None
    )
    _there_and_back(policy, wire)


def test_of_a_value_that_a_unit_quotes_in_part_nothing_is_told() -> None:
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
def test_every_word_for_an_entry_that_is_not_there_is_known(answer: str) -> None:
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
def test_every_word_for_a_table_that_is_not_there_is_known(answer: str) -> None:
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


def test_a_disclaimer_of_a_terminal_that_reads_by_the_line_is_accepted(
    policy: HostKeyPolicy, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accept(unit: Terminal, byte: int) -> None:
        if byte == 0x0A:
            unit._accepting = False
            unit._print_prompt()

    wire.unit = Simulator(Options(disclaimer="Authorised use only #"))
    monkeypatch.setattr(Terminal, "_accept", accept)
    with FortiGateSession(LOGIN, policy) as gate:
        assert gate.facts.version == (7, 4, 8)


def test_what_can_be_left_out_is_left_out_where_the_unit_has_no_table_for_it(
    policy: HostKeyPolicy, wire: Wire
) -> None:
    wire.unit = Simulator(Options(without_tables=("vpn certificate ca",)))
    text = 'config vpn certificate ca\nedit "banstitch_ca"\nset ca "PEM"\nnext\nend\n'
    want = read_blocks([CliBlock("ca.j2", text, without="nothing is checked")])
    with FortiGateSession(LOGIN, policy) as gate:
        made = plan(want, gate.observe(want, Record()), Record(), key=KEY)
    assert made.changes == ()
    assert made.warnings == ("this unit has no 'vpn certificate ca': nothing is checked",)
    assert made.settled.objects == {}
