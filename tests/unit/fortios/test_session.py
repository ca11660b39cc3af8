"""Observing a FortiGate changes nothing and takes few exchanges; a failed push leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.errors import Conflict, Failed, Unreachable
from provision.fortios.config.desired import CliBlock, Desired, read_blocks
from provision.fortios.config.text import forti_quote, parse, serialize
from provision.fortios.planning.planner import FortiPlan, plan, teardown
from provision.fortios.record.record import Record
from provision.fortios.session.fortigate import FortiGateSession
from provision.fortios.session.push import RolledBack
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.fortigate_bounds import set_bounds
from tests.simulator import Options, Simulator
from tests.unit.fortios.sample_cli import ALL, FEED, KEY, SSL, SSL_ON, TRIGGER, WANT


@pytest.fixture
def fortigate(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A FortiGate in use; its console output is `more`, or the parameter of the test."""
    console = getattr(request, "param", "more")
    options = Options(console=console, pager_lines=23, enc_stable=True)
    with Simulator(options) as simulator:
        simulator.run(SSL_ON)
        yield simulator


both_consoles = pytest.mark.parametrize("fortigate", ["more", "standard"], indirect=True)


def _login(fortigate: Simulator, **changes: Any) -> Login:
    facts: dict[str, Any] = {
        "host": "fgt",
        "address": fortigate.address,
        "port": fortigate.port,
        "user": fortigate.options.user,
        "password": fortigate.options.password,
    }
    return Login(**{**facts, **changes})


def _apply(
    fortigate: Simulator, access: Access, want: Desired = WANT, record: Record | None = None
) -> FortiPlan:
    record = record or Record()
    with FortiGateSession(_login(fortigate), access) as session:
        made = plan(want, session.observe(want, record), record, key=KEY)
        session.apply(made)
    return made


def _teardown(fortigate: Simulator, access: Access, record: Record) -> FortiPlan:
    with FortiGateSession(_login(fortigate), access) as session:
        made = teardown(session.observe(Desired(), record), record)
        session.apply(made)
    return made


@both_consoles
def test_apply_rerun_and_teardown_on_a_fortigate(fortigate: Simulator, access: Access) -> None:
    before = fortigate.show()
    made = _apply(fortigate, access)
    assert 'set source-address "banstitch_feed"' in fortigate.show()
    fortigate.journal.clear()
    with FortiGateSession(_login(fortigate), access) as session:
        again = plan(WANT, session.observe(WANT, made.settled), made.settled, key=KEY)
        assert session.exchanges <= 2
    assert again.changes == ()
    assert fortigate.journal.changing() == []
    assert fortigate.journal.exchanges() <= 3
    _teardown(fortigate, access, made.settled)
    assert fortigate.show() == before
    fortigate.journal.clear()
    assert _teardown(fortigate, access, made.settled).changes == ()
    assert fortigate.journal.changing() == []


@both_consoles
def test_logging_in_and_out_types_no_line(fortigate: Simulator, access: Access) -> None:
    with FortiGateSession(_login(fortigate), access) as session:
        assert session.exchanges == 0
    assert len(fortigate.journal) == 0


@both_consoles
def test_the_facts_of_a_fortigate_are_read(fortigate: Simulator, access: Access) -> None:
    with FortiGateSession(_login(fortigate), access) as session:
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
        made = _apply(fortigate, access)
        fortigate.journal.clear()
        with FortiGateSession(_login(fortigate), access) as session:
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
        _apply(fortigate, access)
    assert fortigate.show() == before
    text = str(caught.value)
    assert pattern in text
    assert said.splitlines()[0] in text
    assert "the FortiGate is as it was before" in text
    fortigate.faults.errors.clear()
    _apply(fortigate, access)


def test_a_failed_update_restores_the_older_state(fortigate: Simulator, access: Access) -> None:
    made = _apply(fortigate, access)
    before = fortigate.show()
    newer = [text.replace("39426", "37124").replace("5514", "5515") for text in ALL]
    want = read_blocks([CliBlock("n.j2", "".join(newer))])
    fortigate.faults.errors["set logid 37124"] = "value parse error before '37124'"
    with pytest.raises(RolledBack):
        _apply(fortigate, access, want, made.settled)
    assert fortigate.show() == before


def test_a_cut_connection_is_reopened_and_the_push_rolled_back(
    fortigate: Simulator, access: Access
) -> None:
    before = fortigate.show()
    with FortiGateSession(_login(fortigate), access) as session:
        made = plan(WANT, session.observe(WANT, Record()), Record(), key=KEY)
        fortigate.faults.drop_at = "commit"
        with pytest.raises(RolledBack, match="as it was before"):
            session.apply(made)
    assert fortigate.show() == before
    again = _apply(fortigate, access)
    assert _apply(fortigate, access, record=again.settled).changes == ()


def test_a_connection_cut_before_anything_was_sent_is_unreachable(
    fortigate: Simulator, access: Access
) -> None:
    fortigate.faults.drop_at = "show"
    with FortiGateSession(_login(fortigate), access) as session, pytest.raises(Unreachable):
        session.observe(WANT, Record())


def test_a_fortigate_that_drops_type_ahead_is_asked_line_by_line(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bounds(monkeypatch, lost=0.3)
    with Simulator(Options(enc_stable=True, type_ahead="dropped")) as fortigate:
        made = _apply(fortigate, access)
        assert _apply(fortigate, access, record=made.settled).changes == ()
        _teardown(fortigate, access, made.settled)
        assert "banstitch" not in fortigate.show()


def test_an_operators_secret_never_enters_the_record(fortigate: Simulator, access: Access) -> None:
    fortigate.run(
        FEED.replace("feed-pass", "operators-own").replace("Managed by Banstitch", "theirs")
    )
    before = fortigate.show()
    want = read_blocks([CliBlock("f.j2", FEED)])
    with FortiGateSession(_login(fortigate), access) as session:
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
    made = _apply(fortigate, access)
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
        mended = _apply(fortigate, access, record=made.settled)
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
        made = _apply(fortigate, access, want)
        assert forti_quote(text) in fortigate.show()
        assert _apply(fortigate, access, want, made.settled).changes == ()


def test_a_value_of_several_lines_arrives_intact(access: Access) -> None:
    block = (
        'config system automation-action\nedit "a"\nset action-type webhook\n'
        'set uri "h/x"\nset port 80\nset http-body "one\n  two\n\nend\n> three"\nnext\nend\n'
    )
    want = read_blocks([CliBlock("t.j2", block)])
    with Simulator(Options()) as fortigate:
        made = _apply(fortigate, access, want)
        assert '"one\n  two\n\nend\n> three"' in fortigate.show()
        assert _apply(fortigate, access, want, made.settled).changes == ()


@pytest.mark.parametrize(
    "options",
    [
        {"disclaimer": "Authorised use only # $ \nFGT-A # \nkeep out"},
        {"banner": "Welcome # to $ this\n"},
        {"ha_role": "Primary"},
        {"hostname": "fw-1.example~x"},
        {"kex": "modern"},
        {"kex": "sha1"},
        {"continuation": ""},
    ],
    ids=str,
)
def test_a_login_with_any_banner_or_disclaimer_works(
    options: dict[str, Any], access: Access
) -> None:
    want = read_blocks([CliBlock("b.j2", "".join((FEED, SSL)))])
    with Simulator(Options(**options)) as fortigate:
        before = fortigate.show()
        made = _apply(fortigate, access, want)
        assert made.changes
        assert _apply(fortigate, access, want, made.settled).changes == ()
        _teardown(fortigate, access, made.settled)
        assert fortigate.show().count("\n") == before.count("\n")


def test_an_unknown_host_key_is_refused_and_nothing_is_remembered(
    fortigate: Simulator, tmp_path: Path
) -> None:
    strict = Access(tmp_path / "known", accept_new=False)
    with (
        pytest.raises(Unreachable, match="unknown") as caught,
        FortiGateSession(_login(fortigate), strict),
    ):
        pass
    assert "--accept-new-host-keys" in str(caught.value)
    assert not (tmp_path / "known").exists()


def test_a_known_host_key_is_enough_and_a_changed_one_is_always_refused(
    fortigate: Simulator, tmp_path: Path
) -> None:
    known = tmp_path / "known"
    known.write_text(fortigate.host_key_line + "\n")
    with FortiGateSession(_login(fortigate), Access(known, accept_new=False)) as session:
        assert session.facts.serial
    with Simulator(Options(port=0)) as other:
        line = fortigate.host_key_line.replace(str(fortigate.port), str(other.port))
        known.write_text(line + "\n")
        access = Access(known, accept_new=True)
        with pytest.raises(Unreachable, match="CHANGED"), FortiGateSession(_login(other), access):
            pass


def test_a_wrong_password_and_a_closed_port_are_different_errors(
    fortigate: Simulator, access: Access
) -> None:
    with (
        pytest.raises(Unreachable, match="password refused for admin") as caught,
        FortiGateSession(_login(fortigate, password="wrong-pass"), access),
    ):
        pass
    assert "wrong-pass" not in str(caught.value)
    with (
        pytest.raises(Unreachable, match="connect"),
        FortiGateSession(_login(fortigate, port=1), access),
    ):
        pass


def test_a_cluster_secondary_is_refused_before_anything_is_sent(access: Access) -> None:
    with Simulator(Options(ha_role="Secondary")) as fortigate:
        with (
            FortiGateSession(_login(fortigate), access) as session,
            pytest.raises(Failed, match="secondary"),
        ):
            session.observe(WANT, Record())
        assert fortigate.journal.changing() == []


def test_an_unknown_version_causes_a_warning(access: Access) -> None:
    with (
        Simulator(Options(version="7.9.2")) as fortigate,
        FortiGateSession(_login(fortigate), access) as session,
    ):
        made = plan(WANT, session.observe(WANT, Record()), Record(), key=KEY)
    assert "7.9.2" in made.warnings[0]


def test_an_object_of_the_same_name_that_is_not_ours_is_a_conflict(
    fortigate: Simulator, access: Access
) -> None:
    fortigate.run(TRIGGER.replace("39426", "20099"))
    with pytest.raises(Conflict, match="banstitch_login"):
        _apply(fortigate, access)
    assert fortigate.journal.changing() == []
