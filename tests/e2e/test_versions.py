"""The oldest syntax and a FortiGate with VDOMs, with one real ban host, through `site.py`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.site_helpers import EVENT, denied, without_enc
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab


def test_the_loop_works_and_leaves_nothing_on_old_fortigates_and_on_those_with_vdoms(
    tmp_path: Path, ready_root: Path
) -> None:
    options = [fortigate_options(version="6.4.15")]
    options += [fortigate_options(version="7.6.4", vdoms=("Branch",))]
    with LabSite(tmp_path / "inventory", ready_root, options) as site:
        (site.folder / "host_vars").mkdir()
        (site.folder / "host_vars" / "fgt2.yml").write_text("enforcement_vdom: Branch\n")
        files, before = site.list_files(), [without_enc(unit.show()) for unit in site.units]
        applied = site.run("apply", "-y", "--json")
        assert applied.code == 0, applied.out + applied.err
        again = site.run("plan", "--json")
        assert again.code == 0
        for name in ("fgt1", "fgt2"):
            assert applied.changes(name)
            assert again.changes(name) == []

        for number, unit in enumerate(site.units):
            attacker = f"198.51.100.{23 + number}"
            for user in ("root", "admin", "test"):
                deliveries = unit.log_event(EVENT.format(address=attacker, user=user))
                assert [delivery.status for delivery in deliveries] == [200]
            for each in range(len(site.units)):
                assert within(60, partial(denied, site, attacker, each))

        gone = site.run("teardown", "-y", "--json")
        assert gone.code == 0, gone.out + gone.err
        assert [without_enc(unit.show()) for unit in site.units] == before
        assert site.list_files() == files
