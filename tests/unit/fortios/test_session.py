"""Observing a FortiGate changes nothing and takes few exchanges; a failed push leaves no trace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provision.errors import Conflict, Unreachable
from provision.fortios.config.desired import CliBlock, Desired, read_blocks
from provision.fortios.config.text import forti_quote, parse, serialize
from provision.fortios.planning.planner import plan
from provision.fortios.record.record import Record
from provision.fortios.session.fortigate import FortiGateSession
from provision.fortios.session.push import RolledBack
from provision.ssh.connection import Access
from tests.fortigate_bounds import set_bounds
from tests.simulator import Options, Simulator
from tests.unit.fortios.sample_cli import ALL, FEED, KEY, TRIGGER, WANT
from tests.unit.fortios.ssh_sessions import (
    apply_over_ssh,
    both_consoles,
    make_login,
    tear_down_over_ssh,
)


@both_consoles
def test_apply_rerun_and_teardown_on_a_fortigate(fortigate: Simulator, access: Access) -> None:
    before = fortigate.show()
    made = apply_over_ssh(fortigate, access)
    assert 'set source-address "banstitch_feed"' in fortigate.show()
    fortigate.journal.clear()
    with FortiGateSession(make_login(fortigate), access) as session:
        again = plan(WANT, session.observe(WANT, made.settled), made.settled, key=KEY)
        assert session.exchanges <= 2
    assert again.changes == ()
    assert fortigate.journal.changing() == []
    assert fortigate.journal.exchanges() <= 3
    tear_down_over_ssh(fortigate, access, made.settled)
    assert fortigate.show() == before
    fortigate.journal.clear()
    assert tear_down_over_ssh(fortigate, access, made.settled).changes == ()
    assert fortigate.journal.changing() == []


@both_consoles
def test_the_facts_of_a_fortigate_are_read(fortigate: Simulator, access: Access) -> None:
    with FortiGateSession(make_login(fortigate), access) as session:
        facts = session.facts
        assert session.exchanges <= 2
    assert facts.version == (7, 4, 8)
    assert facts.serial == fortigate.options.serial
    assert facts.hostname == fortigate.options.hostname
    assert not facts.vdoms
    assert not facts.is_secondary


@pytest.mark.parametrize("lines", [1, 2, 5])
def test_a_small_pager_costs_exchanges_but_nothing_is_lost(
    lines: int, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bounds(monkeypatch, lost=0.3)
    with Simulator(Options(pager_lines=lines)) as fortigate:
        made = apply_over_ssh(fortigate, access)
        fortigate.journal.clear()
        with FortiGateSession(make_login(fortigate), access) as session:
            again = plan(WANT, session.observe(WANT, made.settled), made.settled, key=KEY)
        assert again.changes == ()
        assert fortigate.journal.changing() == []


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("set logid 39426", "value parse error before '39426'\nCommand fail. Return code -651"),
        (
            'set action "banstitch_webhook"',
            "entry not found in datasource\n\nCommand fail. Return code -3",
        ),
        ("source-address-negate", "command parse error before 'x'\nCommand fail. Return code -61"),
        ("set value", "Unknown action 0"),
        (
            'edit "banstitch_login"',
            "Command fail. Return code -4 (reached the maximum number of entries",
        ),
    ],
)
def test_a_refused_line_is_named_and_leaves_the_fortigate_as_it_was(
    fortigate: Simulator, access: Access, pattern: str, said: str
) -> None:
    before = fortigate.show()
    fortigate.faults.errors[pattern] = said
    with pytest.raises(RolledBack) as caught:
        apply_over_ssh(fortigate, access)
    assert fortigate.show() == before
    text = str(caught.value)
    assert pattern in text
    assert said.splitlines()[0] in text
    assert "the FortiGate is as it was before" in text
    fortigate.faults.errors.clear()
    apply_over_ssh(fortigate, access)


def test_a_failed_update_restores_the_older_state(fortigate: Simulator, access: Access) -> None:
    made = apply_over_ssh(fortigate, access)
    before = fortigate.show()
    newer = [text.replace("39426", "37124").replace("5514", "5515") for text in ALL]
    want = read_blocks([CliBlock("n.j2", "".join(newer))])
    fortigate.faults.errors["set logid 37124"] = "value parse error before '37124'"
    with pytest.raises(RolledBack):
        apply_over_ssh(fortigate, access, want, made.settled)
    assert fortigate.show() == before


def test_a_cut_connection_is_reopened_and_the_push_rolled_back(
    fortigate: Simulator, access: Access
) -> None:
    before = fortigate.show()
    with FortiGateSession(make_login(fortigate), access) as session:
        made = plan(WANT, session.observe(WANT, Record()), Record(), key=KEY)
        fortigate.faults.drop_at = "commit"
        with pytest.raises(RolledBack, match="as it was before"):
            session.apply(made)
    assert fortigate.show() == before
    again = apply_over_ssh(fortigate, access)
    assert apply_over_ssh(fortigate, access, record=again.settled).changes == ()


def test_a_connection_cut_before_anything_was_sent_is_unreachable(
    fortigate: Simulator, access: Access
) -> None:
    fortigate.faults.drop_at = "show"
    with FortiGateSession(make_login(fortigate), access) as session, pytest.raises(Unreachable):
        session.observe(WANT, Record())


def test_a_fortigate_that_drops_type_ahead_is_asked_line_by_line(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bounds(monkeypatch, lost=0.3)
    with Simulator(Options(enc_stable=True, type_ahead="dropped")) as fortigate:
        made = apply_over_ssh(fortigate, access)
        assert apply_over_ssh(fortigate, access, record=made.settled).changes == ()
        tear_down_over_ssh(fortigate, access, made.settled)
        assert "banstitch" not in fortigate.show()


def test_an_operators_secret_never_enters_the_record(fortigate: Simulator, access: Access) -> None:
    fortigate.run(
        FEED.replace("feed-pass", "operators-own").replace("Managed by Banstitch", "theirs")
    )
    before = fortigate.show()
    want = read_blocks([CliBlock("f.j2", FEED)])
    with FortiGateSession(make_login(fortigate), access) as session:
        seen = session.observe(want, Record())
        with pytest.raises(Conflict, match="'password' must not come from a ban host's memory"):
            plan(want, seen, Record(), key=KEY, adopt=True)
    assert fortigate.show() == before


@pytest.mark.parametrize("vdoms", [(), ("root", "branch")])
def test_the_whole_configuration_of_a_fortigate_is_read_and_written_without_loss(
    vdoms: tuple[str, ...],
) -> None:
    shown = Simulator(Options(enc_stable=True, vdoms=vdoms)).show()
    assert serialize(parse(shown)) == shown


def test_each_drift_on_the_fortigate_is_found_and_repaired_alone(
    fortigate: Simulator, access: Access
) -> None:
    made = apply_over_ssh(fortigate, access)
    good = fortigate.show()
    for drift, expected in {
        'config system automation-stitch\nedit "banstitch_login"\nset status disable\nend': (
            "system automation-stitch:banstitch_login"
        ),
        'config system automation-action\nedit "banstitch_webhook"\nset port 1\nend': (
            "system automation-action:banstitch_webhook"
        ),
        'config system automation-stitch\ndelete "banstitch_login"\nend': (
            "system automation-stitch:banstitch_login"
        ),
        "config vpn ssl settings\nset source-address-negate disable\nend": "vpn ssl settings",
    }.items():
        fortigate.run(drift)
        assert fortigate.show() != good
        mended = apply_over_ssh(fortigate, access, record=made.settled)
        assert [change.id for change in mended.changes] == [expected]
        assert sorted(fortigate.show().splitlines()) == sorted(good.splitlines())


AWKWARD = [
    "a?b=1&c=?",
    "quo\"te's and \\ back",
    "FGT-A # not a prompt $ ",
    "per%cent %%log%%",
    "naïve 日本",
    "x" * 255,
    "--More-- ",
    "Command fail. Return code -61",
    "ends in \\",
]


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_values_arrive_intact(text: str, access: Access) -> None:
    block = TRIGGER.replace(
        "set event-type", f"set description {forti_quote(text)}\nset event-type"
    )
    want = read_blocks([CliBlock("t.j2", block)])
    with Simulator(Options()) as fortigate:
        made = apply_over_ssh(fortigate, access, want)
        assert forti_quote(text) in fortigate.show()
        assert apply_over_ssh(fortigate, access, want, made.settled).changes == ()


def test_a_value_of_several_lines_arrives_intact(access: Access) -> None:
    block = (
        'config system automation-action\nedit "a"\nset action-type webhook\n'
        'set uri "h/x"\nset port 80\nset http-body "one\n  two\n\nend\n> three"\nnext\nend\n'
    )
    want = read_blocks([CliBlock("t.j2", block)])
    with Simulator(Options()) as fortigate:
        made = apply_over_ssh(fortigate, access, want)
        assert '"one\n  two\n\nend\n> three"' in fortigate.show()
        assert apply_over_ssh(fortigate, access, want, made.settled).changes == ()


def test_an_object_of_the_same_name_that_is_not_ours_is_a_conflict(
    fortigate: Simulator, access: Access
) -> None:
    fortigate.run(TRIGGER.replace("39426", "20099"))
    with pytest.raises(Conflict, match="banstitch_login"):
        apply_over_ssh(fortigate, access)
    assert fortigate.journal.changing() == []


def test_secrets_of_tunnels_are_dropped_as_soon_as_they_are_read(access: Access) -> None:
    tunnel = (
        'config vpn ipsec phase1-interface\nedit "clients"\nset type dynamic\nset interface "port1"\n'
        "set eap enable\nset psksecret hunter2hunter2\nnext\nend\n"
    )
    table = "vpn ipsec phase1-interface"
    with Simulator(Options(version="8.0.0")) as fortigate:
        fortigate.run(tunnel)
        assert "psksecret ENC" in fortigate.show()
        with FortiGateSession(make_login(fortigate), access) as session:
            seen = session.observe(replace(Desired(), reads=(table,)), Record())
            assert session.exchanges <= 2
    text = 'edit "clients"\n    set type dynamic\n    set interface "port1"\nnext\n'
    assert serialize(seen.objects[table] or ()) == text
