"""A cluster of FortiGates, from the inventory to the bytes on the wire of a simulator."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.memory_site import MemorySite
from tests.e2e.site_helpers import ATTACKER, EVENT, denied
from tests.lab.stopwatch import within
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


@pytest.mark.lab
def test_a_real_receiver_takes_events_and_polls_of_the_member_that_took_over(
    tmp_path: Path, ready_root: Path
) -> None:
    options = fortigate_options(ha_role="Primary")
    with LabSite(tmp_path / "inventory", ready_root, [options]) as site:
        applied = site.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        assert site.run("status", "--json").target("fgt1")["cluster"]["took_over_from"] == ""
        (fortigate,) = site.units
        fortigate.fail_over()
        since = time.time()
        event = EVENT.replace(options.serial, options.peer_serial)
        for _ in range(3):
            fortigate.log_event(event.format(address=ATTACKER, user="x"))
        assert within(60, lambda: denied(site, ATTACKER))
        status = site.run("status", "--json").target("fgt1")
        assert status["state"] == "ok"
        assert min(status["last_event"], status["last_poll"]) >= int(since)
        assert status["cluster"]["took_over_from"] == options.serial
        assert [each["name"] for each in status["cluster"]["members"] if each["active"]] == [
            "FGT-A-peer"
        ]
        assert f"it took over from {options.serial}" in site.run("status").out
        assert site.run("apply", "-y").code == 0
        assert site.run("status", "--json").target("fgt1")["cluster"]["took_over_from"] == ""
