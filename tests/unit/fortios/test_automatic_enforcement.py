"""Check which method of enforcement `auto` chooses, and when it changes it."""

from __future__ import annotations

import pytest

from provision.errors import Failed
from provision.fortios.config.desired import CliBlock, read_blocks
from provision.fortios.config.observed import Observed
from provision.fortios.planning.planner import (
    FortiPlan,
    object_ids_to_observe,
    plan,
)
from provision.fortios.record.record import Record
from tests.unit.fortios.fortios_model import (
    ModelFortiGate,
    apply,
    observe,
    observe_and_plan,
)
from tests.unit.fortios.sample_cli import KEY, SSL
from tests.unit.fortios.sample_policies import FEED, LOCAL_IN, parse_body, read_desired

# --- the place that suits ----------------------------------------------------------------------

LISTENS: ModelFortiGate = {"vpn ssl settings": parse_body('set source-interface "wan1"')}
ALLOWS: ModelFortiGate = {"vpn ssl settings": parse_body('set source-address "office"')}
AUTO = read_desired(FEED, SSL, LOCAL_IN, choices=True)


def list_methods(made: FortiPlan) -> list[str]:
    tables = [change.id.partition(":")[0] for change in made.changes]
    return [each for each in tables if each != "system external-resource"]


@pytest.mark.parametrize(
    ("fortigate", "place", "why"),
    [
        (LISTENS, "vpn ssl settings", "listens on wan1"),
        ({}, "firewall local-in-policy", "set in the inventory"),
        (ALLOWS, "firewall local-in-policy", "allow-list 'source-address office'"),
    ],
)
def test_auto_chooses_the_first_suitable_method_and_gives_the_reason(
    fortigate: ModelFortiGate, place: str, why: str
) -> None:
    made = observe_and_plan(AUTO, fortigate, Record())
    assert list_methods(made) == [place]
    assert "enforcement auto takes" in made.warnings[0]
    assert why in made.warnings[0]


def test_auto_keeps_the_method_that_is_in_place() -> None:
    held, record = apply(AUTO, {}, Record())
    again = observe_and_plan(AUTO, {**held, **LISTENS}, record)
    assert again.blocks == ()
    assert "it is in place" in again.warnings[0]


def test_auto_replaces_a_method_that_is_gone_and_leaves_nothing_behind() -> None:
    held, record = apply(AUTO, LISTENS, Record())
    assert record.objects.keys() == {"system external-resource:banstitch_feed", "vpn ssl settings"}
    seen = observe(
        {each: body for each, body in held.items() if "ssl" not in each},
        object_ids_to_observe(AUTO, record),
    )
    seen = Observed(seen.serial, seen.objects, frozenset({"vpn ssl settings"}))
    made = plan(AUTO, seen, record, key=KEY)
    assert list_methods(made) == ["firewall local-in-policy"]
    assert "no 'vpn ssl settings'" in made.warnings[0]


def test_auto_gives_the_reason_against_each_method() -> None:
    blocks = [
        CliBlock("f", FEED),
        CliBlock("s", SSL, "vdom", "ssl_vpn"),
        CliBlock("p", "", "vdom", "policy", unsuited="its interfaces are not named"),
    ]
    with pytest.raises(Failed) as caught:
        observe_and_plan(read_blocks(blocks), ALLOWS, Record())
    for each in ("not ssl_vpn: ", "allow-list", "not policy: its interfaces are not named"):
        assert each in str(caught.value)
