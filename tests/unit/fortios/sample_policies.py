"""Policies of ours and of the operator, on a modelled FortiGate."""

from __future__ import annotations

from typing import Any

from provision.fortios.config.desired import CliBlock, Desired, read_blocks
from provision.fortios.config.text import Config, Edit, Tree, parse
from provision.fortios.planning.planner import (
    FortiPlan,
    object_ids_to_observe,
    plan,
)
from provision.fortios.planning.references import find_referring_tables
from provision.fortios.record.record import Record
from tests.unit.fortios.fortios_model import (
    ModelFortiGate,
    get_table_id,
    list_rows,
    normalize,
    observe,
)
from tests.unit.fortios.sample_cli import KEY

FEED = """config system external-resource
    edit "banstitch_feed"
        set type address
        set comments "Managed by Banstitch"
        set resource "http://10.0.0.5/feed"
    next
end
"""
POLICY = """config firewall policy
    edit 9001
        set name "banstitch_deny"
        set srcintf "wan1"
        set dstintf "any"
        set srcaddr "banstitch_feed"
        set dstaddr "all"
        set schedule "always"
        set service "ALL"
        set logtraffic all
        set comments "Managed by Banstitch"
    next
end
"""
LOCAL_IN = """config firewall local-in-policy
    edit 9001
        set intf "wan1"
        set srcaddr "banstitch_feed"
        set dstaddr "all"
        set service "ALL"
        set schedule "always"
        set comments "Managed by Banstitch"
    next
end
"""
BOTH = (FEED, POLICY)


def read_desired(*texts: str, vdom: str = "", choices: bool = False) -> Desired:
    names = {"config vpn": "ssl_vpn", "config firewall local": "local_in"}
    blocks = []
    for text in texts:
        choice = next((each for start, each in names.items() if text.startswith(start)), "")
        scope: Any = "global" if text == FEED else "vdom"
        blocks.append(CliBlock("b.j2", text, scope, choice if choices else ""))
    return read_blocks(blocks, vdom)


def parse_body(*statements: str) -> Tree:
    (config,) = parse("config x\n" + "\n".join(statements) + "\nend\n")
    assert isinstance(config, Config)
    return config.body


def make_policies(*names: str, first: int = 1, table: str = "firewall policy") -> ModelFortiGate:
    """Return a FortiGate with policies of the operator, numbered from ``first``."""
    (attribute,) = ("comments",) if "local" in table else ("name",)
    return {
        f"{table}:{number}": parse(f'config x\nset {attribute} "{name}"\nset srcaddr "all"\nend\n')[
            0
        ].body  # type: ignore[union-attr]
        for number, name in enumerate(names, first)
    }


def list_keys(fortigate: ModelFortiGate, table: str = "firewall policy") -> list[str]:
    return [row.key.value for row in list_rows(fortigate, table) if isinstance(row, Edit)]


def list_sent_lines(made: FortiPlan) -> list[str]:
    lines = "".join(change.diff for change in made.changes).splitlines()
    return [line.strip() for line in lines if line.split()[0] not in ("config", "next", "end")]


def are_same(one: ModelFortiGate, other: ModelFortiGate) -> bool:
    tables = {get_table_id(each) for each in (*one, *other) if "policy:" in each}
    bodies = [
        {each: normalize(body) for each, body in fortigate.items() if body}
        for fortigate in (one, other)
    ]
    orders = [
        {table: list_keys(fortigate, table) for table in tables} for fortigate in (one, other)
    ]
    return bodies[0] == bodies[1] and orders[0] == orders[1]


# --- who refers to ours ------------------------------------------------------------------------


def plan_with_users(want: Desired, fortigate: ModelFortiGate, record: Record) -> FortiPlan:
    """Plan as the engine does: read the tables of possible users once a deletion is planned."""
    observed = observe(fortigate, object_ids_to_observe(want, record))
    made = plan(want, observed, record, key=KEY)
    gone = [change.id for change in made.changes if change.action == "delete"]
    more = observe(fortigate, find_referring_tables(gone, observed))
    return plan(want, observed.merge(more), record, key=KEY)
