"""Every FortiOS version, with and without VDOMs: plan, apply, plan, drift, repair, teardown.

Everything from the inventory to the bytes on the wire is tested; the ban host is in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from provision.fortios.config.text import Config, Edit, Statement, parse
from tests.e2e.drift import Drift, additions, drifts
from tests.e2e.every_fortios import FORTIGATES, make_variables, start_simulator
from tests.e2e.memory_site import MemorySite
from tests.simulator import Simulator

# Here each attribute drifts alone; elsewhere one of each object at a time.
ALONE: tuple[str, tuple[str, ...]] = ("7.4.8", ())
pytestmark = pytest.mark.usefixtures("settled_at_once")


@pytest.mark.parametrize(("version", "vdoms"), FORTIGATES)
def test_a_fortigate_is_planned_applied_repaired_and_restored(
    tmp_path: Path, version: str, vdoms: tuple[str, ...]
) -> None:
    with start_simulator(version, vdoms) as fortigate:
        site, before = (
            MemorySite(tmp_path, fortigate, **make_variables(version, vdoms)),
            fortigate.show(),
        )
        planned = site.plan()
        assert (planned.error, planned.state) == ("", "differs")
        assert fortigate.journal.changing() == []
        assert fortigate.show() == before

        applied = site.apply()
        assert (applied.error, applied.changes) == ("", planned.changes)
        good = fortigate.show()
        again = site.plan()
        assert (again.error, again.changes) == ("", ())

        found = list_drifts(fortigate, applied.changes)
        if (
            vdoms
        ):  # attributes are those of the version; one of each object shows that its VDOM is found
            found = [of_object[:1] for of_object in found]
        for together in rounds(found, alone=(version, vdoms) == ALONE):
            repair(site, together, good)

        gone = site.teardown()
        assert (gone.error, len(gone.changes)) == ("", len(applied.changes))
        assert fortigate.show() == before
        assert site.records == {}


# What an administrator may add to our objects: how the feed is fetched, what is shown of a denial.
LEFT = {
    "system automation-action": {"tls-certificate", "output-size"},
    "system external-resource": {
        *("user-agent", "client-cert-auth", "client-cert", "fabric-object"),
        *("threat-feed-hash-mode", "source-ip-interface", "interface-select-method", "vrf-select"),
    },
    "firewall policy": {"send-deny-packet", "nat"},
    "firewall local-in-policy": {"virtual-patch"},
    "firewall local-in-policy6": {"virtual-patch"},
}


@pytest.mark.parametrize("version", ["6.4.15", "7.4.8", "8.0.0"])
def test_an_added_attribute_that_could_weaken_our_object_is_removed(
    tmp_path: Path, version: str
) -> None:
    with start_simulator(version, ()) as fortigate:
        site = MemorySite(tmp_path, fortigate, **make_variables(version, ()))
        applied = site.apply()
        assert applied.error == ""
        added = [list(additions(fortigate, each.id)) for each in applied.changes]
        weak = [[each for each in group if not is_left(each)] for group in added]
        assert sum(map(len, weak)) > 10
        for together in rounds(weak, alone=False):
            repair(site, together, fortigate.show())
        left = [each for group in added for each in group if is_left(each)]
        assert len(left) > 2
        for drift in left:
            fortigate.run_in(drift.scope, drift.lines)
        found = site.plan()
        assert (found.error, found.changes) == ("", ())
        named = {(each["id"], each["attribute"]) for each in found.details["left_as_it_is"]}
        assert named == {(each.id, each.what) for each in left}


def is_left(drift: Drift) -> bool:
    return drift.what in LEFT.get(drift.id.partition(":")[0], ())


def repair(site: MemorySite, together: list[Drift], good: str) -> None:
    """Make these drifts by hand; one apply changes these objects and no other."""
    for drift in together:
        site.fortigate.run_in(drift.scope, drift.lines)
    assert site.fortigate.show() != good, f"{together}: the FortiGate did not take it"
    mended = site.apply()
    assert mended.error == "", together
    assert {each.id for each in mended.changes} == {drift.id for drift in together}
    assert unordered(site.fortigate.show()) == unordered(good), together


@pytest.mark.parametrize(("version", "vdoms"), FORTIGATES)
def test_observing_changes_nothing_and_takes_at_most_three_exchanges(
    tmp_path: Path, version: str, vdoms: tuple[str, ...]
) -> None:
    # a FortiGate that shows its answers page by page; `standard` needs fewer exchanges, never more
    with start_simulator(version, vdoms, console="more") as fortigate:
        site = MemorySite(tmp_path, fortigate, **make_variables(version, vdoms))
        for nothing_there_yet in (True, False):
            fortigate.journal.clear()
            found = site.plan() if nothing_there_yet else site.apply()
            assert (found.error, bool(found.changes)) == ("", nothing_there_yet)
            assert fortigate.journal.changing() == []
            assert found.exchanges <= 3
            (session,) = fortigate.journal.sessions
            assert fortigate.journal.exchanges(session) <= 3
            if nothing_there_yet:
                assert site.apply().error == ""


def list_drifts(fortigate: Simulator, changes: Any) -> list[list[Drift]]:
    """Return the drifts of each object."""
    return [list(drifts(fortigate, each.id, named(each.diff))) for each in changes]


def rounds(by_object: list[list[Drift]], alone: bool) -> Iterator[list[Drift]]:
    """Yield one drift at a time, or the next of each object at once."""
    if alone:
        yield from ([drift] for each in by_object for drift in each)
    else:
        for together in zip_longest(*by_object):
            yield [drift for drift in together if drift is not None]


def named(diff: str) -> frozenset[str]:
    """Return the attributes that a block names."""
    tree = [config for config in parse(diff) if isinstance(config, Config)]
    nodes = [node for config in tree for node in config.body]
    inner = [node for edit in nodes if isinstance(edit, Edit) for node in edit.body]
    return frozenset(node.name for node in (*nodes, *inner) if isinstance(node, Statement))


def unordered(show: str) -> str:
    """Return the output of `show` without what differs in rows that were created anew.

    That is their identifier, and in a table of automation, where the order means nothing, their place.
    """
    text = "\n".join(line for line in show.splitlines() if " set uuid " not in line)
    table = r"(?ms)(?<=^config system automation-%s\n).*?(?=^end$)"
    for kind in ("trigger", "action", "stitch"):
        text = re.sub(table % kind, lambda found: sort_entries(found[0]), text)
    return text


def sort_entries(body: str) -> str:
    """Return the entries of a table by name."""
    return "".join(sorted(re.findall(r"(?ms)^    edit .*?^    next\n", body)))
