"""The shield on a real host: a spray raises it, FortiGates deny strangers, and it is lowered."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.poller import feed
from tests.e2e.rules_site import ON, Rules, read_metrics
from tests.e2e.site_helpers import FAIL2BAN, denied, history
from tests.lab.roots import build_ready_root
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab

STRANGER, COLLEAGUE, GUEST = "203.0.115.200", "198.51.7.7", "203.0.114.7"
DAY = 86400


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rules]:
    """A site that is ten days old, where alice logs in from 198.51.100.7."""
    folder = tmp_path_factory.mktemp("site") / "inventory"
    settings = f"{ON}\nshield: auto\nshield_networks: [{GUEST}]"
    root = build_ready_root(list(FAIL2BAN)[-1])
    units = [fortigate_options()]
    with LabSite(folder, root, units, settings=settings, group_settings="") as site:
        yield Rules(site)


@pytest.fixture(autouse=True)
def under_way(rules: Rules) -> None:
    """A spray is under way and has raised the shield, whatever an earlier test did to the site."""
    rules.site.write_inventory()
    applied = rules.site.run("apply", "-y")
    assert applied.code == 0, applied.out + applied.err
    if holds(rules.site, STRANGER):
        return
    rules.event("198.51.100.7", "alice", "success", at=time.time() - 10 * DAY)
    for number in range(20):
        rules.event(f"203.0.113.{number + 1}", f"nobody{number}")
    assert within(60, lambda: holds(rules.site, STRANGER))


def holds(site: LabSite, address: str) -> bool:
    """Return whether a network of the feed holds the address; bans of single ones do not count."""
    networks = (ipaddress.ip_network(entry) for entry in feed(site) if "/" in entry)
    return any(ipaddress.ip_address(address) in network for network in networks)


def noted(site: LabSite) -> list[str]:
    return [entry["why"] for entry in history(site) if entry["what"] == "shield"]


def test_a_spray_raises_it_and_everything_says_so(rules: Rules) -> None:
    site = rules.site
    assert denied(site, STRANGER)
    for spared in (COLLEAGUE, GUEST, site.host.address):
        assert not denied(site, spared)
    assert "SHIELD UP from" in site.run("status").out
    assert "SHIELD UP from" in site.run("plan").out
    assert "banstitch_shield_up 1" in read_metrics(site)
    assert within(30, lambda: any(why.startswith("SHIELD UP until") for why in noted(site)))
    assert site.run("verify").code == 0


def test_it_survives_a_kill_and_a_restart(rules: Rules) -> None:
    site = rules.site
    assert within(30, lambda: any(why.startswith("SHIELD UP until") for why in noted(site)))
    before = noted(site)
    site.host.console("systemctl kill -s KILL banstitch-rules", check=True)
    rules.event("203.0.113.99", "admin")
    assert rules.bans_soon("trap", "203.0.113.99")
    assert holds(site, STRANGER)
    assert noted(site) == before


def test_an_operator_lowers_it_and_raises_it_for_a_time(rules: Rules) -> None:
    site = rules.site
    lowered = site.run("shield", "off", "--for", "1h", "--why", "visitors")
    assert lowered.code == 0, lowered.out + lowered.err
    assert not holds(site, STRANGER)
    assert not denied(site, STRANGER)
    raised = site.run("shield", "on", "--for", "20s", "--why", "a test")
    assert raised.code == 0, raised.out + raised.err
    assert "everybody but 1 networks of recent logins" in raised.out
    assert denied(site, STRANGER)
    assert {"shield off for 3600 s: visitors", "shield on for 20 s: a test"} <= set(noted(site))


def test_an_order_ends_by_itself_and_the_setting_counts_again(rules: Rules) -> None:
    site = rules.site
    site.write_inventory(f"{ON}\nshield: alarm")
    assert site.run("apply", "-y").code == 0
    assert within(60, lambda: not holds(site, STRANGER))
    assert within(60, lambda: "SHIELD ALARM since" in site.run("status").out)
    assert "banstitch_shield_alarm 1" in read_metrics(site)
    assert not denied(site, STRANGER)


def test_teardown_leaves_nothing(rules: Rules) -> None:
    site = rules.site
    assert site.run("shield", "on", "--for", "1h").code == 0
    assert site.run("teardown", "-y", "--purge-data").code == 0
    where = "find /etc /opt /var/lib /var/log /var/spool -name 'banstitch*'"
    assert site.host.console(where, check=True).stdout == ""
