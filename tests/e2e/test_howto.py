"""Recipes of docs/howto.md that no other test follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite
from tests.lab.debian import DebianHost

pytestmark = pytest.mark.lab


def test_a_site_recovers_from_a_lost_ban_host(deployed: LabSite, ready_root: Path) -> None:
    fortigate = deployed.units[0]
    with DebianHost(ready_root) as deployed.host:
        deployed.write_inventory()
        planned = deployed.run("plan")
        assert planned.code == 1, planned.out
        assert "made for another ban host or before this one was set up anew" in planned.out

        adopted = deployed.run("apply", "-y", "--adopt")
        assert adopted.code == 0, adopted.out + adopted.err
        assert deployed.run("verify").code == 0

        torn = deployed.run("teardown", "-y")
        assert torn.code == 0, torn.out + torn.err
        assert "banstitch_" not in fortigate.show()
