"""Autonomous systems on a real host: the database is read, and fail2ban bans all networks of a system."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.campaigns.mmdb import write_database
from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.poller import feed
from tests.e2e.site_helpers import FAIL2BAN
from tests.lab.roots import build_ready_root
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab

NAME = "sslvpn_login_failed"
DATABASE = "/var/lib/GeoIP/asn.mmdb"
NETWORKS = {"45.1.0.0/16", "45.3.7.0/24", "45.4.0.9", "2a0c:1b3::/32"}
SETTINGS = (
    f"detection_enabled: [{NAME}]\ndetection_settings: {{}}\ndetection_asn_database: {DATABASE}"
)


@pytest.fixture(params=FAIL2BAN)
def anywhere(request: Any, tmp_path: Path) -> Iterator[LabSite]:
    """A site on each fail2ban."""
    root = build_ready_root(request.param)
    with LabSite(tmp_path / "inventory", root, [fortigate_options()], group_settings="") as site:
        yield site


def put_database(site: LabSite, folder: Path) -> None:
    """Write the database as an updater does: a new file takes the place of the old one."""
    path = folder / "asn.mmdb"
    write_database(path, dict.fromkeys((*NETWORKS - {"45.4.0.9"}, "45.4.0.9/32"), 64501))
    text = base64.b64encode(path.read_bytes()).decode()
    site.host.console(["tee", "/root/new"], stdin=text, check=True)
    site.host.console(
        f"mkdir -p /var/lib/GeoIP && base64 -d < /root/new > {DATABASE}.new"
        f" && mv {DATABASE}.new {DATABASE}",
        check=True,
    )


def fail(site: LabSite, *addresses: str) -> None:
    name = b"admin".hex()
    lines = "".join(
        f"{time.time():.6f} fgt1 {NAME} failure {address} {name} -\n" for address in addresses
    )
    site.host.console(["tee", "-a", "/var/log/banstitch/events.log"], stdin=lines, check=True)


def test_two_sources_ban_their_system_and_the_rule_can_be_turned_off(
    anywhere: LabSite, tmp_path: Path
) -> None:
    site = anywhere
    site.write_inventory(SETTINGS)
    put_database(site, tmp_path)
    applied = site.run("apply", "-y")
    assert applied.code == 0, applied.out + applied.err
    fail(site, "45.1.1.1")
    assert within(60, lambda: "45.1.1.1" in feed(site))
    assert not NETWORKS & feed(site)
    fail(site, "2a0c:1b3:7:7::/64")
    assert within(60, lambda: feed(site) >= NETWORKS)
    banned = site.run("bans", "--json").target("bh1")["bans"]
    of_system = {ban["address"] for ban in banned if ban["jail"] == f"banstitch-{NAME}-asn"}
    assert of_system == NETWORKS

    site.write_inventory(SETTINGS.rpartition("\n")[0])
    applied = site.run("apply", "-y")
    assert applied.code == 0, applied.out + applied.err
    assert within(60, lambda: not NETWORKS & feed(site))
