"""Three real sites share their bans: a ban at one is in the feeds of the others, until it is not shared."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from provision.cli.main import cli
from tests.e2e.site_helpers import list_readable
from tests.e2e.three_sites import NAMES, ThreeSites, list_states
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab

ATTACKER, SECOND, SPARED, LATER = "45.9.9.9", "45.8.8.8", "45.7.7.7", "45.6.6.6"
# The feed of a host, as the host itself may fetch it.
READ_FEED = """python3 - <<'END'
import base64, json, urllib.request
token = json.load(open("/etc/banstitch/tokens.json"))["verify"]
login = base64.b64encode(("verify:" + token).encode()).decode()
request = urllib.request.Request(
    "http://%s:5000/blocked-ips", headers={"Authorization": "Basic " + login}
)
print(urllib.request.urlopen(request).read().decode())
END"""
TRACES = (
    "ls -d /etc/banstitch /opt/banstitch /var/lib/banstitch* /run/banstitch* 2>/dev/null;"
    " systemctl list-unit-files | grep banstitch; getent passwd | grep banstitch; true"
)
# What each service can read of our folders.
BANS, RULES, WATCH = "/var/spool/banstitch", "/var/lib/banstitch-rules", "/var/lib/banstitch-watch"
ETC, LOGS = "/etc/banstitch", "/var/log/banstitch"
PEERS = {f"{ETC}/share/lab.pem", f"{ETC}/share/lab-ca.pem"}
READABLE = {
    "banstitch-receiver": {f"{ETC}/digests.json", BANS, RULES, WATCH, LOGS},
    "banstitch-rules": {f"{ETC}/rules.json", BANS, RULES, WATCH, LOGS},
    "banstitch-watch": {f"{ETC}/watch.json", f"{ETC}/watch.secret", BANS, RULES, WATCH, *PEERS},
    "banstitch-share": {f"{ETC}/share.json", BANS, *PEERS},
}


@pytest.fixture
def sites(tmp_path: Path, ready_root: Path) -> Iterator[ThreeSites]:
    """Three deployed sites of one group; bh2 never bans SPARED."""
    settings = {"share_bans": ["lab"], "detection_ignore": [SPARED], **make_ca()}
    with ThreeSites(tmp_path / "inventory", ready_root, settings) as found:
        applied = found.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        yield found


def make_ca() -> dict[str, object]:
    """Return the setting that the verb `share-ca` prints."""
    found: dict[str, object] = yaml.safe_load(CliRunner().invoke(cli, ["share-ca", "lab"]).output)
    return found


def attack(sites: ThreeSites, name: str, address: str) -> None:
    """Let the receiver of a host have recorded many failed logins of an address."""
    now = time.time()
    lines = "".join(
        f"{now - n / 100:.6f} fgt1 sslvpn_login_failed failure {address} 78 -\n" for n in range(12)
    )
    sites.hosts[name].console(f"printf '{lines}' >> /var/log/banstitch/events.log", check=True)


def feed(sites: ThreeSites, name: str) -> list[str]:
    host = sites.hosts[name]
    return str(host.console(READ_FEED % host.address, check=True).stdout).split()


def has_both(sites: ThreeSites, name: str) -> bool:
    return {ATTACKER, SECOND} <= set(feed(sites, name))


def read_origins(sites: ThreeSites, name: str) -> dict[str, str]:
    """Return {address: where it comes from} of the bans of other sites that `bans` lists."""
    (target,) = sites.run("bans", "--json", "-l", name).document["sites"][0]["targets"]
    return {ban["address"]: ban["why"] for ban in target["shared"]}


def test_a_ban_is_denied_at_all_sites_until_its_site_leaves(sites: ThreeSites) -> None:
    assert set(list_states(sites.run("plan", "--json")).values()) == {"ok"}

    attack(sites, "bh1", ATTACKER)
    attack(sites, "bh3", SECOND)
    for name in NAMES:
        assert within(90, partial(has_both, sites, name))
    assert read_origins(sites, "bh2") == {ATTACKER: "shared by bh1", SECOND: "shared by bh3"}
    # what was taken is not passed on: bh1 has its own ban from nobody else
    assert read_origins(sites, "bh1") == {SECOND: "shared by bh3"}

    freed = sites.run("unban", ATTACKER, "--why", "a test", "-l", "bh2")
    assert "still denied: 45.9.9.9 is shared by bh1" in freed.out

    # an allowance at one site wins there, and there alone
    assert sites.run("allow", ATTACKER, "--for", "1h", "--why", "ours", "-l", "bh2").code == 0
    assert within(20, lambda: ATTACKER not in feed(sites, "bh2"))
    assert ATTACKER in feed(sites, "bh3")

    (shown,) = sites.run("status", "--json", "-l", "bh2").document["sites"][0]["targets"]
    assert [(peer["site"], peer["counts"]) for peer in shown["peers"]] == [
        ("bh1", True),
        ("bh3", True),
    ]
    assert "bans shared by other sites: bh1 0 (and 1 that this site spares), bh3 1" in (
        sites.run("status", "-l", "bh2").out
    )

    # a site that is removed has its bans taken out; with a new CA, its key is of no use any more
    sites.settings |= make_ca()
    sites.write_inventory("bh1", "bh2")
    removed = sites.run("apply", "-y")
    assert removed.code == 0, removed.out + removed.err
    assert within(120, lambda: SECOND not in feed(sites, "bh1") + feed(sites, "bh2"))
    log = sites.hosts["bh3"].console
    refused = "certificate verify failed"
    assert within(60, lambda: refused in log("journalctl -u banstitch-watch").stdout)
    # those that have the new CA share as before
    attack(sites, "bh1", LATER)
    assert within(90, lambda: LATER in feed(sites, "bh2"))

    # each service sees what it needs
    for name, seen in READABLE.items():
        assert list_readable(sites.hosts["bh1"], name) == seen, name
    unit = sites.hosts["bh1"].console("systemctl show banstitch-share -p User -p SubState").stdout
    assert "User=banstitch-share" in unit
    assert "SubState=running" in unit

    assert sites.run("teardown", "-y", "--purge-data").code == 0
    for name in ("bh1", "bh2"):
        assert sites.hosts[name].console(TRACES).stdout.strip() == ""
