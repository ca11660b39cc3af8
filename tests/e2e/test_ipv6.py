"""IPv6 attackers on each Debian: counted, banned, restored and freed by network, whichever fail2ban."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.poller import feed
from tests.e2e.site_helpers import EVENT, FAIL2BAN, denied
from tests.lab.roots import build_ready_root
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab

JAIL = "banstitch-sslvpn_login_failed"
NETWORK, SPARED = "2001:db8:1:2::/64", "2001:db8:5:6::1"
SETTINGS = f"detection_ignore: ['{SPARED}']\ndetection_ban_time: 1d"
SPOOL_FILE = f"/var/spool/banstitch/{JAIL}.bans"


def attack(site: LabSite, *addresses: str) -> None:
    for address in addresses:
        (delivery,) = site.units[0].log_event(EVENT.format(address=address, user="x"))
        assert delivery.status == 200


def held(site: LabSite) -> set[str]:
    """Return the bans that fail2ban itself lists; none while it starts."""
    listed = site.host.console(["fail2ban-client", "get", JAIL, "banip"])
    return set() if listed.returncode else set(listed.stdout.split())


def forge(site: LabSite, *networks: str) -> None:
    """Write lines about networks that no event has, in the form of version 0.1 and in that of today."""
    name, now = "sslvpn_login_failed", f"{time.time():.6f}"
    forms = (f"{now} {name} {{}}", f"{now} fgt1 {name} failure {{}} - -")
    lines = "".join(f"{form.format(network)}\n" * 3 for form in forms for network in networks)
    site.host.console(["tee", "-a", "/var/log/banstitch/events.log"], stdin=lines, check=True)


@pytest.mark.parametrize("suite", FAIL2BAN)
def test_a_network_is_counted_banned_restored_and_freed_on(tmp_path: Path, suite: str) -> None:
    folder = tmp_path / "inventory"
    with LabSite(folder, build_ready_root(suite), [fortigate_options()], settings=SETTINGS) as site:
        applied = site.run("apply", "-y", "-e", "enforcement_ipv6=true")
        assert applied.code == 0, applied.out + applied.err

        attack(site, "2001:db8:1:2::a", "2001:db8:1:2:ffff::b", "2001:db8:1:2:0:1::c")
        assert within(60, lambda: denied(site, "2001:db8:1:2:3:4:5:6"))
        assert not denied(site, "2001:db8:1:3::a")
        (ban,) = site.run("bans", "--json").target("bh1")["bans"]
        assert (ban["address"], ban["failures"]) == (NETWORK, 3)
        assert held(site) == {NETWORK}

        forge(site, "203.0.113.0/24", "128.0.0.0/1", "2001:db8::/47", "2001:db8::/3", "::/0")
        attack(site, *["2001:db8:5:6::9"] * 3, *["2001:db8:5:6::8"] * 2, *[SPARED] * 3)
        assert within(60, lambda: denied(site, "2001:db8:5:6::9"))
        assert not denied(site, "2001:db8:5:6::8")
        assert not denied(site, SPARED)
        refused = site.host.console(["fail2ban-client", "set", JAIL, "banip", "2001:db8:5:6::/64"])
        assert refused.returncode == 0
        assert within(60, lambda: held(site) == {NETWORK, "2001:db8:5:6::9"})
        assert feed(site) == {NETWORK, "2001:db8:5:6::9"}

        site.host.console("systemctl kill -s KILL fail2ban; systemctl restart fail2ban", check=True)
        assert within(60, lambda: held(site) == {NETWORK, "2001:db8:5:6::9"})
        assert feed(site) == {NETWORK, "2001:db8:5:6::9"}
        # fail2ban's own database knows the networks as well
        lost = f"systemctl stop fail2ban; rm {SPOOL_FILE}; systemctl start fail2ban"
        site.host.console(lost, check=True)
        assert within(60, lambda: held(site) == {NETWORK, "2001:db8:5:6::9"})
        assert within(60, lambda: denied(site, "2001:db8:1:2::7"))

        assert site.run("ban", "2001:db8:1:2::5", "--for", "1h").code == 0
        freed = site.run("unban", "2001:db8:1:2::d", "--json").target("bh1")
        assert (freed["state"], len(freed["notes"])) == ("changed", 1)
        assert f"{NETWORK} was freed" in freed["notes"][0]
        assert within(60, lambda: not denied(site, "2001:db8:1:2::a"))
        assert denied(site, "2001:db8:1:2::5")
        assert held(site) == {"2001:db8:1:2::5", "2001:db8:5:6::9"}

        attack(site, "2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2::3")
        assert within(60, lambda: denied(site, "2001:db8:1:2::4"))
        site.host.console(["fail2ban-client", "set", JAIL, "unbanip", NETWORK], check=True)
        assert within(60, lambda: not denied(site, "2001:db8:1:2::4"))
        assert denied(site, "2001:db8:1:2::5")
        verified = site.run("verify", "-e", "enforcement_ipv6=true")
        assert verified.code == 0, verified.out + verified.err
