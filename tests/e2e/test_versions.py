"""The oldest syntax and a unit with VDOMs, each with a real ban host, through `site.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.site_helpers import ATTACKER, EVENT, denied, without_enc
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(("version", "vdoms"), [("6.4.15", ()), ("7.6.4", ("Branch",))])
def test_the_loop_works_and_leaves_nothing_on_old_fortigates_and_on_those_with_vdoms(
    tmp_path: Path, ready_root: Path, version: str, vdoms: tuple[str, ...]
) -> None:
    options = fortigate_options(version=version, vdoms=vdoms)
    with LabSite(tmp_path / "inventory", ready_root, [options]) as site:
        if vdoms:
            folder = site.folder / "group_vars"
            folder.mkdir()
            (folder / "fortigates.yml").write_text(f"enforcement_vdom: {vdoms[0]}\n")
        unit, files = site.units[0], site.list_files()
        before = without_enc(unit.show())
        applied = site.run("apply", "-y", "--json")
        assert applied.code == 0, applied.out + applied.err
        assert applied.changes("fgt1")
        again = site.run("plan", "--json")
        assert (again.code, again.changes("fgt1")) == (0, [])

        for user in ("root", "admin", "test"):
            deliveries = unit.log_event(EVENT.format(address=ATTACKER, user=user))
            assert [delivery.status for delivery in deliveries] == [200]
        assert within(60, lambda: denied(site, ATTACKER))

        gone = site.run("teardown", "-y", "--json")
        assert gone.code == 0, gone.out + gone.err
        assert without_enc(unit.show()) == before
        assert site.list_files() == files
