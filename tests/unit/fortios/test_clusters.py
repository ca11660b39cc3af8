"""Check that a cluster is seen as one FortiGate, before a failover and after it."""

from __future__ import annotations

import pytest

from provision.errors import Passive
from provision.fortios.config import probes
from provision.fortios.config.probes import Member
from provision.fortios.planning.planner import plan
from provision.fortios.record.record import Record
from tests.unit.fortios.fortios_wire import Wire
from tests.unit.fortios.repeated_push import FIRST, read_objects
from tests.unit.fortios.sample_cli import KEY
from tests.unit.fortios.wire_sessions import start_again, start_session

ONE, OTHER = "FGVM00TM00000000", "FGVM00TM00000001"
NEW = """HA Health Status: OK
Mode: HA A-P
Primary selected using:
    <2026/06/02 04:12:33> FG2 is selected as the primary because its uptime is larger than FG1.
Secondary   : FGT-A           , FG1, HA cluster index = 0
Primary     : FGT-B           , FG2, HA cluster index = 1
number of vcluster: 1
vcluster 1: work 169.254.0.2
Secondary: FG1, HA operating index = 1
Primary: FG2, HA operating index = 0
"""
OLD = "Master: FGT-B, FG2, cluster index = 1\nSlave : FGT-A, FG1, cluster index = 0\n"


@pytest.mark.parametrize("answer", [NEW, OLD])
def test_the_members_are_read_from_old_and_new_output(answer: str) -> None:
    found = {member.name: (member.serial, member.active) for member in probes.find_members(answer)}
    assert found == {"FGT-A": ("FG1", False), "FGT-B": ("FG2", True)}


def test_a_fortigate_that_lists_members_without_end_is_cut_short() -> None:
    lines = "".join(f"Secondary : F{n}, S{n}, HA cluster index = {n}\n" for n in range(999))
    assert len(probes.find_members(lines)) == 4
    assert probes.find_members("Mode: Standalone\n") == ()


@pytest.mark.parametrize("version", ["6.4.15", "7.4.8"])
@pytest.mark.parametrize("vdoms", [(), ("root", "branch")], ids=["no VDOMs", "VDOMs"])
def test_the_members_of_a_cluster_cost_no_further_exchange(
    vdoms: tuple[str, ...], version: str, wire: Wire
) -> None:
    session = start_session(wire, ha_role="Primary", vdoms=vdoms, version=version)
    with session:
        observed = session.observe(read_objects(FIRST, bool(vdoms)), Record())
        assert session.exchanges == 2
        assert session.members == (Member("FGT-A", ONE, True), Member("FGT-A-peer", OTHER, False))
    assert observed.members == (ONE, OTHER)


def test_after_a_failover_nothing_differs_and_a_note_says_which_member_polls(wire: Wire) -> None:
    want = read_objects(FIRST, vdoms=False)
    with start_session(wire, ha_role="Primary") as session:
        made = plan(want, session.observe(want, Record()), Record(), key=KEY)
        session.apply(made)
    wire.fortigate.fail_over()
    with start_again(wire) as session:
        again = plan(want, session.observe(want, made.settled), made.settled, key=KEY)
    assert again.changes == ()
    (note,) = (text for text in again.warnings if "failover" in text)
    assert f"FortiGate {OTHER} is the primary of its cluster now, so it polls and posts" in note
    assert f"it was {ONE} at the last apply" in note
    assert again.settled.serial == OTHER
    assert again.settled.objects == made.settled.objects


def test_a_secondary_is_passive(wire: Wire) -> None:
    with start_session(wire, ha_role="Secondary") as session, pytest.raises(Passive):
        session.observe(read_objects(FIRST, vdoms=False), Record())
