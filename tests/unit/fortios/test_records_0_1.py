"""Records of release 0.1 still work: what it made is removed, and what it found is restored.

`tests/fixtures/records_0_1.json` was written by 0.1 on the simulator, one record for each place of
enforcement, with VDOMs, and with objects that were adopted.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import PROJECT
from tests.e2e.memory_site import MemorySite
from tests.simulator import Options, Simulator

CASES: dict[str, Any] = json.loads(
    (PROJECT / "tests" / "fixtures" / "records_0_1.json").read_text("utf-8")
)
FEED = "system external-resource:banstitch_feed"
THEIR_FEED = """config system external-resource
    edit "banstitch_feed"
        set type address
        set password ENC c2VjcmV0
        set resource "http://192.0.2.9/theirs"
    next
end
"""


pytestmark = pytest.mark.usefixtures("settled_at_once")


@pytest.fixture
def deployed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[MemorySite, str]]:
    """A FortiGate as 0.1 left it, and its earlier configuration."""
    case = CASES[request.param]
    options = Options(version=case["version"], vdoms=tuple(case["vdoms"]), enc_stable=True)
    with Simulator(options) as unit:
        for scope, text in case["before"]:
            unit.run_in(scope, text)
        before = unit.show()
        for object_id, text in case["made"]:
            unit.run_in(object_id.partition("/")[0] if "/" in object_id else "", text)
        site = MemorySite(tmp_path / "inventory", unit)
        site.records["fgt1"] = copy.deepcopy(case["record"])
        yield site, before


@pytest.mark.parametrize("deployed", CASES, indirect=True)
def test_teardown_with_a_record_of_0_1_restores_the_earlier_configuration(
    deployed: tuple[MemorySite, str],
) -> None:
    site, before = deployed
    assert site.fortigate.show() != before
    gone = site.teardown()
    assert (gone.error, gone.state) == ("", "changed")
    assert site.fortigate.show() == before
    assert site.records == {}


@pytest.mark.parametrize(
    "deployed", ["adopted policy and trigger", "ssl_vpn, VDOMs"], indirect=True
)
def test_changes_from_memory_are_marked_and_shown_completely(
    deployed: tuple[MemorySite, str],
) -> None:
    site, _ = deployed
    gone = site.teardown()
    assert gone.changes
    assert {each.source for each in gone.changes} == {"the ban host's memory"}
    assert all(each.diff.startswith("config ") for each in gone.changes)


@pytest.mark.parametrize("deployed", ["policy"], indirect=True)
def test_an_adopted_secret_of_0_1_is_not_typed_and_the_error_has_the_remedy(
    deployed: tuple[MemorySite, str],
) -> None:
    site, _ = deployed
    objects = {**dict(site.records["fgt1"]["objects"]), FEED: THEIR_FEED}
    site.records["fgt1"]["objects"] = [list(each) for each in objects.items()]
    held = site.teardown()
    assert f"{FEED} stays: 'password' must not come from the ban host's memory" in held.error
    assert "delete it by hand" in held.error
    assert not [each for each in site.fortigate.journal.changing() if "ENC" in each.text]
    site.fortigate.run('config system external-resource\ndelete "banstitch_feed"\nend\n')
    done = site.teardown()
    assert done.error == ""
    assert f"{FEED} is not created again" in "".join(done.notes)
    assert site.records == {}
