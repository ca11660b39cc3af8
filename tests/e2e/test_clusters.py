"""A cluster of FortiGates, from the inventory to the bytes on the wire of a simulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.memory_site import MemorySite
from tests.simulator import Options, Simulator

pytestmark = pytest.mark.usefixtures("settled_at_once")


def test_status_follows_a_failover_and_the_next_apply_settles_it(tmp_path: Path) -> None:
    options = Options(enc_stable=True, ha_role="Primary")
    with Simulator(options) as fortigate:
        site = MemorySite(tmp_path, fortigate, enforcement=["ssl_vpn"])
        assert site.apply().error == ""
        assert site.status().details["cluster"]["took_over_from"] == ""
        fortigate.fail_over()
        after = site.status()
        assert (after.state, after.changes) == ("ok", ())
        cluster = after.details["cluster"]
        assert cluster["took_over_from"] == options.serial
        assert [each["name"] for each in cluster["members"] if each["active"]] == ["FGT-A-peer"]
        assert site.apply().error == ""
        assert site.status().details["cluster"]["took_over_from"] == ""


def test_status_does_not_alarm_about_a_passive_member_and_plan_refuses_it(tmp_path: Path) -> None:
    with Simulator(Options(enc_stable=True, ha_role="Secondary")) as fortigate:
        site = MemorySite(tmp_path, fortigate)
        passive = site.status()
        assert passive.state == "skipped"
        assert "passive, so it neither polls nor posts" in passive.error
        assert "FGT-A-peer" in passive.error
        assert site.plan().state == "failed"
