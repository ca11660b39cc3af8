"""Check what a plan says of a FortiGate that FortiManager manages, and what `auto` avoids there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provision.errors import Failed
from provision.fortios.config import probes
from provision.fortios.config.desired import Desired
from provision.fortios.planning.planner import FortiPlan, object_ids_to_observe, plan
from provision.fortios.record.record import Record
from tests.unit.fortios.fortios_model import ModelFortiGate, apply, observe
from tests.unit.fortios.fortios_wire import Wire
from tests.unit.fortios.repeated_push import FIRST, read_objects
from tests.unit.fortios.sample_cli import KEY, SSL
from tests.unit.fortios.sample_policies import FEED, LOCAL_IN, parse_body, read_desired
from tests.unit.fortios.wire_sessions import start_session

MANAGER = "10.0.0.9"
AUTO = read_desired(FEED, SSL, LOCAL_IN, choices=True)
ONLY_POLICIES = read_desired(FEED, LOCAL_IN, choices=True)
LISTENS: ModelFortiGate = {"vpn ssl settings": parse_body('set source-interface "wan1"')}


def plan_managed(desired: Desired, fortigate: ModelFortiGate, record: Record) -> FortiPlan:
    seen = observe(fortigate, object_ids_to_observe(desired, record))
    return plan(desired, replace(seen, manager=MANAGER), record, key=KEY)


def list_methods(made: FortiPlan) -> list[str]:
    tables = [change.id.partition(":")[0] for change in made.changes]
    return [each for each in tables if each != "system external-resource"]


@pytest.mark.parametrize("kind", ["shown", "left out"])
@pytest.mark.parametrize("vdoms", [(), ("root", "branch")], ids=["no VDOMs", "VDOMs"])
def test_a_plan_says_who_manages_the_fortigate_and_asks_no_more_often(
    vdoms: tuple[str, ...], kind: str, wire: Wire
) -> None:
    session = start_session(wire, manager=MANAGER, manager_type=kind, vdoms=vdoms)
    want = read_objects(FIRST, bool(vdoms))
    with session:
        observed = session.observe(want, Record())
        assert session.exchanges == 2
    (note,) = plan(want, observed, Record(), key=KEY).warnings
    assert f"managed by FortiManager ({MANAGER})" in note
    assert "its next install of a policy package removes policies" in note


def test_a_fortigate_without_a_manager_gets_no_note(wire: Wire) -> None:
    with start_session(wire) as session:
        assert session.observe(read_objects(FIRST, vdoms=False), Record()).warnings == ()


@pytest.mark.parametrize(
    ("lines", "manager"),
    [
        ('set type fortimanager\nset serial-number "FMG-VM1"\nset fmg "10.0.0.9"', "10.0.0.9"),
        ('set type fortimanager\nset serial-number "FMG-VM1"', "FMG-VM1"),
        ('set fmg "fmg.example.com"', "fmg.example.com"),
        ("set fmg \"'10.0.0.9'\"", "10.0.0.9"),
        ("set type fortimanager", "an unknown address"),
        ("set type fortiguard", ""),
        ('set mode backup\nset type fortimanager\nset fmg "10.0.0.9"', ""),
        ('set allow-push-configuration disable\nset type fortimanager\nset fmg "10.0.0.9"', ""),
        ("", ""),
    ],
)
def test_the_manager_is_read_from_the_central_management(lines: str, manager: str) -> None:
    shown = f"config system central-management\n{lines}\nend\n"
    assert probes.find_manager(shown) == manager


@pytest.mark.parametrize(
    "answer", ["command parse error before 'central-management'\nCommand fail. Return code -61", ""]
)
def test_a_refusal_names_no_manager(answer: str) -> None:
    assert probes.find_manager(answer) == ""


def test_auto_takes_no_policy_that_an_install_would_remove() -> None:
    assert list_methods(plan_managed(AUTO, LISTENS, Record())) == ["vpn ssl settings"]
    with pytest.raises(Failed) as caught:
        plan_managed(ONLY_POLICIES, {}, Record())
    assert "not local_in: the next install of a policy package" in str(caught.value)
    assert "set enforcement to policy anyway" in str(caught.value)


def test_auto_keeps_a_policy_that_is_already_ours() -> None:
    held, record = apply(ONLY_POLICIES, {}, Record())
    assert plan_managed(ONLY_POLICIES, held, record).changes == ()


def test_a_policy_that_is_named_is_made() -> None:
    named = read_desired(FEED, LOCAL_IN)
    assert list_methods(plan_managed(named, {}, Record())) == ["firewall local-in-policy"]
