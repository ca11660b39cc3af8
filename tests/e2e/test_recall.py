"""A ban host that was lost takes the record of its FortiGates with it; what they hold tells whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.memory_site import MemorySite
from tests.e2e.site_helpers import without_enc
from tests.simulator import Options, Simulator

PLACES: dict[str, dict[str, Any]] = {
    "ssl_vpn": {"enforcement": "ssl_vpn", "enforcement_ipv6": True},
    "local_in": {"enforcement": "local_in", "enforcement_local_in_interfaces": ["port1", "port2"]},
    "policy": {
        "enforcement": "policy",
        "enforcement_policy_source_interfaces": ["port1"],
        "enforcement_policy_destination_interfaces": ["port2"],
    },
    "auto": {},
}
THEIRS = (
    "config firewall address\nedit bad\nset subnet 45.0.0.0/24\nnext\nend\n"
    "config vpn ssl settings\nset source-address bad\nset source-address-negate enable\nend\n"
)


@pytest.fixture(params=[("6.4.15", "ssl_vpn"), *(("7.4.8", place) for place in PLACES)], ids=str)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemorySite]:
    version, place = request.param
    with Simulator(Options(version=version)) as unit:
        unit.run(THEIRS)
        yield MemorySite(tmp_path / "inventory", unit, **PLACES[place])


def test_a_fortigate_whose_record_is_lost_is_refused_then_adopted_and_torn_down_completely(
    site: MemorySite,
) -> None:
    before = without_enc(site.fortigate.show())
    assert site.apply().state == "changed"
    deployed = without_enc(site.fortigate.show())

    site.records.clear()
    refused = site.plan()
    assert refused.state == "failed"
    assert "made for another ban host" in str(refused.error)
    assert "--adopt" in str(refused.error)

    assert not site.apply(adopt=True).error
    assert without_enc(site.fortigate.show()) == deployed
    assert site.plan().state == "ok"
    assert not site.teardown().error
    assert without_enc(site.fortigate.show()) == before
