"""Facts that are checked before a FortiGate is changed: its role, its VDOMs, how it saves."""

from __future__ import annotations

import pytest

from provision.errors import Failed, Unreachable
from provision.fortios.config import probes
from provision.fortios.config.desired import CliBlock, read_blocks
from provision.fortios.config.text import parse
from provision.fortios.planning.blocks import Block
from provision.fortios.planning.planner import FortiPlan, plan
from provision.fortios.record.record import Record
from provision.fortios.session.batches import LONGEST, Batch, split_into_batches
from provision.fortios.session.fortigate import FortiGateSession
from provision.fortios.session.push import RolledBack
from tests.unit.fortios.fortios_wire import Wire
from tests.unit.fortios.repeated_push import FIRST, read_objects
from tests.unit.fortios.sample_cli import ACTION, FEED, KEY, SSL, TRIGGER
from tests.unit.fortios.wire_sessions import start_again, start_session

VDOMS = ("root", "branch")


def push(session: FortiGateSession, vdoms: bool = False, record: Record | None = None) -> FortiPlan:
    want, record = read_objects(FIRST, vdoms), record or Record()
    with session:
        made = plan(want, session.observe(want, record), record, key=KEY)
        session.apply(made)
    return made


@pytest.mark.parametrize("console", ["more", "standard"])
@pytest.mark.parametrize("vdoms", [(), VDOMS], ids=["no VDOMs", "VDOMs"])
def test_a_run_with_nothing_to_do_takes_two_exchanges_and_changes_nothing(
    vdoms: tuple[str, ...], console: str, wire: Wire
) -> None:
    made = push(start_session(wire, vdoms=vdoms, console=console), bool(vdoms))
    session = start_again(wire)
    want, record = read_objects(FIRST, bool(vdoms)), made.settled
    with session:
        nothing = plan(want, session.observe(want, record), record, key=KEY)
        assert session.exchanges == 2
    assert nothing.changes == ()
    assert wire.fortigate.journal.changing() == []
    assert wire.fortigate.journal.exchanges() <= 2


def test_the_vdoms_of_a_fortigate_are_among_its_facts(wire: Wire) -> None:
    with start_session(wire, vdoms=VDOMS) as session:
        assert session.facts.vdom_names == VDOMS
        assert session.exchanges == 1
    with start_session(wire) as session:
        assert session.facts.vdom_names == ()


def test_a_missing_vdom_is_an_error_and_is_not_created(wire: Wire) -> None:
    want = read_objects(FIRST, vdoms=True)
    session = start_session(wire, vdoms=("root", "brunch"))
    with session, pytest.raises(Failed, match=r"no VDOM 'branch' \(there are: root, brunch\)"):
        session.observe(want, Record())
    assert wire.fortigate.journal.changing() == []
    assert wire.fortigate.config.vdoms == ("root", "brunch")


@pytest.mark.parametrize("console", ["more", "standard"])
def test_without_sudo_each_scope_is_entered_and_nothing_changes(console: str, wire: Wire) -> None:
    session = start_session(wire, vdoms=VDOMS, console=console, pager_lines=3)
    wire.fortigate.faults.errors["^ *sudo"] = "Unknown action 0"
    made = push(session, vdoms=True)
    session = start_again(wire)
    want = read_objects(FIRST, vdoms=True)
    with session:
        assert session.facts.vdom_names == VDOMS
        observed = session.observe(want, made.settled)
    assert plan(want, observed, made.settled, key=KEY).changes == ()
    assert wire.fortigate.journal.changing() == []
    assert wire.fortigate.config.vdoms == VDOMS


def test_each_object_lands_in_its_own_scope(wire: Wire) -> None:
    push(start_session(wire, vdoms=VDOMS), vdoms=True)
    assert "g-banstitch_feed" in wire.fortigate.run_in("branch", "show vpn ssl settings")
    assert "g-banstitch_feed" not in wire.fortigate.run_in("root", "show vpn ssl settings")
    assert "banstitch_webhook" in wire.fortigate.run_in("global", "show system automation-action")


@pytest.mark.parametrize("vdoms", [(), VDOMS], ids=["no VDOMs", "VDOMs"])
def test_a_secondary_is_refused_and_the_error_names_its_primary(
    vdoms: tuple[str, ...], wire: Wire
) -> None:
    session = start_session(wire, ha_role="Secondary", vdoms=vdoms)
    with session, pytest.raises(Failed, match="primary, FGT-A-peer"):
        session.observe(read_objects(FIRST, bool(vdoms)), Record())
    assert wire.fortigate.journal.changing() == []


@pytest.mark.parametrize("version", ["6.4.15", "7.4.8"])
@pytest.mark.parametrize("vdoms", [(), VDOMS], ids=["no VDOMs", "VDOMs"])
def test_a_member_of_a_fabric_is_refused_with_the_reason(
    vdoms: tuple[str, ...], version: str, wire: Wire
) -> None:
    session = start_session(wire, fabric="member", vdoms=vdoms, version=version)
    with (
        session,
        pytest.raises(Failed, match=r"member of a Security Fabric.*above it is 192\.0\.2"),
    ):
        session.observe(read_objects(FIRST, bool(vdoms)), Record())
    assert wire.fortigate.journal.changing() == []


def test_the_root_of_a_fabric_is_configured(wire: Wire) -> None:
    assert push(start_session(wire, fabric="root")).changes


@pytest.mark.parametrize("mode", ["manual", "revert"])
@pytest.mark.parametrize("vdoms", [(), VDOMS], ids=["no VDOMs", "VDOMs"])
def test_a_fortigate_with_manual_saving_is_saved_after_a_push_and_after_a_rollback(
    vdoms: tuple[str, ...], mode: str, wire: Wire
) -> None:
    session = start_session(wire, vdoms=vdoms, transactions=False)
    saving = f"config system global\nset cfg-save {mode}\nend\n"
    wire.fortigate.run_in("global" if vdoms else "", saving + "execute cfg save\n")
    wire.fortigate.faults.errors["^set source-address-negate"] = "Command fail. Return code -61"
    before = wire.fortigate.show()
    with pytest.raises(RolledBack):
        push(session, bool(vdoms))
    assert wire.fortigate.show() == before
    assert not wire.fortigate.unsaved
    wire.fortigate.faults.errors.clear()
    push(start_again(wire), bool(vdoms))
    assert not wire.fortigate.unsaved
    assert "banstitch_webhook" in wire.fortigate.show()


def test_a_fortigate_with_automatic_saving_is_not_saved(wire: Wire) -> None:
    push(start_session(wire))
    assert not any("cfg save" in line.text for line in wire.fortigate.journal)


@pytest.mark.parametrize("vdoms", [(), VDOMS], ids=["no VDOMs", "VDOMs"])
def test_the_error_names_what_a_restricted_profile_does_not_permit(
    vdoms: tuple[str, ...], wire: Wire
) -> None:
    profile = {"profile": "prof_admin", "forbidden": ("system automation-stitch",)}
    session = start_session(wire, vdoms=vdoms, **profile)
    want = read_objects(FIRST, bool(vdoms))
    before = wire.fortigate.show()
    with session:
        made = plan(want, session.observe(want, Record()), Record(), key=KEY)
        assert "operator has a restricted profile" in made.warnings[0]
        with pytest.raises(RolledBack, match=r"'config system automation-stitch'.*-37") as caught:
            session.apply(made)
    assert "profile of operator does not permit this" in str(caught.value)
    assert wire.fortigate.show() == before


def test_a_fortigate_that_wants_a_new_password_is_left_unchanged(wire: Wire) -> None:
    with pytest.raises(Unreachable, match="wants a new password for operator"):
        start_session(wire, new_password=True).__enter__()
    assert len(wire.fortigate.journal) == 0


# --- how lines are grouped -----------------------------------------------------------------------


def blocks(*texts: str, scope: str = "") -> list[Block]:
    want = read_blocks([CliBlock(f"b{n}", text) for n, text in enumerate(texts)])
    trees = [parse(text) for text in texts]
    named = [f"{scope}/{each.id}" if scope else each.id for each in want.objects]
    return [Block(name, tree) for name, tree in zip(named, trees, strict=True)]


def spelt(found: list[Batch]) -> list[list[str]]:
    return [[line.text for line in chunk] for chunk in found]


def test_a_line_that_takes_effect_waits_for_all_earlier_answers() -> None:
    found = spelt(list(split_into_batches(blocks(TRIGGER, ACTION, SSL), atomic=False)))
    assert found == [
        ["config system automation-trigger", 'edit "banstitch_login"', *found[0][2:5]],
        ["next", "end", "config system automation-action", *found[1][3:]],
        ["next", "end"],
        ["next", "end", *found[3][2:]],
        ["end"],
    ]
    assert all("next" not in chunk[1:] for chunk in found)


def test_in_a_transaction_all_lines_are_typed_at_once() -> None:
    assert len(list(split_into_batches(blocks(TRIGGER, ACTION, SSL), atomic=True))) == 1


def test_a_vdom_is_entered_alone_and_no_line_that_could_name_one_is_typed_ahead() -> None:
    policy = "config firewall policy\nedit 7\nset name x\nnext\nend\n"
    for atomic in (True, False):
        first, second, third, *_ = spelt(
            list(split_into_batches(blocks(policy, scope="branch"), atomic))
        )
        assert [first, second, third] == [
            ["config vdom"],
            ["edit branch"],
            ["config firewall policy"],
        ]


def test_long_values_and_values_of_several_lines_are_typed_alone() -> None:
    long = ACTION.replace("%%log%%", "x" * 450)
    lines = ACTION.replace("%%log%%", "a\nb")
    for text in (long, lines):
        found = spelt(list(split_into_batches(blocks(text), atomic=True)))
        assert [len(chunk) for chunk in found][1] == 1
    many = blocks(*(FEED.replace("banstitch_feed", f"feed{n}") for n in range(30)))
    sizes = [
        sum(len(text) + 1 for text in chunk)
        for chunk in spelt(list(split_into_batches(many, True)))
    ]
    assert max(sizes) <= LONGEST + 1
    assert len(sizes) > 1


# --- reading the output of FortiGates ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Primary     : FGT-A, FGVM1, HA cluster index = 0\nSecondary   : FGT-B, FGVM2", "FGT-A"),
        ("Slave :0 FGT-B\nMaster: FGT-A, FGVM1, cluster index = 1", "FGT-A"),
        ("Mode: Standalone", ""),
    ],
)
def test_the_primary_is_read_from_old_and_new_output(said: str, name: str) -> None:
    assert probes.find_primary(said) == name


@pytest.mark.parametrize(
    ("said", "root"),
    [
        ("status              : enable \nupstream            : 10.0.0.1 \n", "10.0.0.1"),
        ("status              : enable \nupstream-ip         : 0.0.0.0 \n", ""),
        ("status              : enable \nupstream            : \n", ""),
        ("status              : disable \nupstream            : 10.0.0.1 \n", ""),
        ("command parse error before 'csf'\nCommand fail. Return code -61", ""),
    ],
)
def test_a_fabric_member_is_distinguished_from_a_root(said: str, root: str) -> None:
    assert probes.find_fabric_root(said) == root


def test_a_refusal_names_no_vdom() -> None:
    assert probes.parse_vdom_names("command parse error before 'global'\n") == ()
    assert probes.parse_vdom_names("config x\n  edit") == ()
