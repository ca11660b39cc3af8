"""Plans for everything that the roles can desire, on a modelled FortiGate with any earlier state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import roles.detection.role
from provision.fortios.config.desired import CliBlock, Desired, read_blocks
from provision.fortios.config.facts import assume_facts
from provision.fortios.config.text import Config, Edit, parse
from provision.fortios.config.versions import read_version
from provision.fortios.planning.planner import FortiPlan, object_ids_to_observe, plan
from provision.fortios.planning.references import find_referring_tables
from provision.fortios.record.record import Record
from roles import enforcement, feed, webhook
from roles.detection.catalogue import CATALOGUE
from tests.unit.fortios.fortios_model import (
    ModelFortiGate,
    apply_blocks,
    get_table_id,
    list_rows,
    normalize,
    observe,
)
from tests.unit.roles.sample_site import fortios, sample_site

KEY = b"k" * 32
VERSIONS = ("6.4.15", "7.0.0", "7.0.5", "7.0.17", "7.2.0", "7.2.11", "7.4.1", "7.4.8", "8.0.0")

interfaces = st.lists(st.sampled_from(["wan1", "wan 2", "zone?3"]), min_size=1, unique=True)
places = st.one_of(
    st.just(["auto"]),
    st.just(["none"]),
    st.lists(st.sampled_from(["ssl_vpn", "policy"]), min_size=1, unique=True),
    st.just(["policy", "local_in"]),
)
wishes = st.fixed_dictionaries(
    {
        "version": st.sampled_from(VERSIONS),
        "feed_scope": st.sampled_from(["global", "vdom"]),
        "detections": st.lists(st.sampled_from(sorted(CATALOGUE)), min_size=1, unique=True),
        "enforcement": st.fixed_dictionaries(
            {
                "enforcement": places,
                "enforcement_vdom": st.sampled_from(["root", "edge"]),
                "enforcement_ipv6": st.booleans(),
                "enforcement_local_in_interfaces": interfaces,
                "enforcement_policy_source_interfaces": interfaces,
                "enforcement_policy_destination_interfaces": interfaces,
                "enforcement_existing_sessions": st.sampled_from(["keep", "clear"]),
            }
        ),
    }
)


def wanted(wish: dict[str, Any], vdoms: bool) -> Desired:
    """Return the desired state; an enforcement method that the version lacks is left out."""
    fortigate = assume_facts(read_version(wish["version"]), "edge" if vdoms else "")
    asked = dict(wish["enforcement"])
    if not fortigate.has("local_in_feed"):
        asked["enforcement"] = [x for x in asked["enforcement"] if x != "local_in"]
    site = sample_site(
        {
            "detection": roles.detection.role.Settings(
                detection_enabled=wish["detections"], detection_settings={}
            )
        },
        {
            "enforcement": enforcement.Settings.model_validate(asked),
            "feed": feed.Settings(feed_scope=wish["feed_scope"]),
        },
    )
    context = replace(fortios(site), facts=fortigate)
    blocks: list[CliBlock] = [b for r in (webhook, feed, enforcement) for b in r.blocks(context)]
    return read_blocks(blocks, enforcement.vdom(context) if vdoms else "")


def start(vdoms: bool) -> ModelFortiGate:
    """Return a FortiGate with an operator's policies, SSL VPN and stitches in each VDOM."""
    text = (
        'config firewall policy\nedit 3\nset name "lan"\nset srcaddr "all"\nnext\nedit 1\nset name "x"\n'
        "next\nend\nconfig firewall local-in-policy\nedit 1\nset comments y\nnext\nend\n"
        'config vpn ssl settings\nset source-interface "wan1"\nset source-address "all"\nend\n'
        "config system settings\nset firewall-session-dirty check-new\nend\n"
    )
    found: ModelFortiGate = {}
    for scope in ("root/", "edge/") if vdoms else ("",):
        for config in parse(text):
            assert isinstance(config, Config)
            if config.path.startswith("firewall"):
                rows = [row for row in config.body if isinstance(row, Edit)]
                found |= {f"{scope}{config.path}:{row.key.value}": row.body for row in rows}
            else:
                found[f"{scope}{config.path}"] = config.body
    return found


def planned(want: Desired, fortigate: ModelFortiGate, record: Record) -> FortiPlan:
    """Plan as the engine does: read possible users of what is to be deleted."""
    seen = observe(fortigate, object_ids_to_observe(want, record))
    first = plan(want, seen, record, key=KEY)
    gone = [change.id for change in first.changes if change.action == "delete"]
    more = observe(fortigate, find_referring_tables(gone, seen, ("root", "edge")))
    return plan(want, seen.merge(more), record, key=KEY)


def shown(fortigate: ModelFortiGate) -> Any:
    """Return the configuration and the order of its entries."""
    tables = {get_table_id(each) for each in fortigate if ":" in each}
    keys = {table: [row.key.value for row in list_rows(fortigate, table)] for table in tables}
    return {each: normalize(body) for each, body in fortigate.items() if body}, keys


@settings(max_examples=40, deadline=None)
@given(st.lists(wishes, min_size=1, max_size=3), st.booleans())
def test_law_any_inventory_can_follow_any_other_and_teardown_restores_the_first_state(
    inventories: list[dict[str, Any]], vdoms: bool
) -> None:
    fortigate, record = start(vdoms), Record()
    for wish in inventories:
        want = wanted(wish, vdoms)
        made = planned(want, fortigate, record)
        fortigate, record = apply_blocks(fortigate, made.blocks), made.settled
        again = planned(want, fortigate, record)
        assert again.blocks == ()
        assert again.settled == record
    gone = planned(Desired(), fortigate, record)
    assert gone.stays == ()
    assert gone.settled.objects == {}
    assert shown(apply_blocks(fortigate, gone.blocks)) == shown(start(vdoms))


@settings(max_examples=30, deadline=None)
@given(wishes, wishes, st.booleans(), st.integers(0, 12))
def test_law_the_next_run_completes_a_push_that_ended_after_any_object(
    first: dict[str, Any], second: dict[str, Any], vdoms: bool, done: int
) -> None:
    """The record written before the push is enough to continue, or to tear down."""
    fortigate = start(vdoms)
    made = planned(wanted(first, vdoms), fortigate, Record())
    fortigate, record = apply_blocks(fortigate, made.blocks), made.settled
    want = wanted(second, vdoms)
    cut = planned(want, fortigate, record)
    halfway = apply_blocks(fortigate, cut.blocks[:done])
    torn = planned(Desired(), halfway, cut.record)
    assert shown(apply_blocks(halfway, torn.blocks)) == shown(start(vdoms))
    rest = planned(want, halfway, cut.record)
    whole = apply_blocks(halfway, rest.blocks)
    assert planned(want, whole, rest.settled).blocks == ()
    assert shown(whole) == shown(apply_blocks(fortigate, cut.blocks))
