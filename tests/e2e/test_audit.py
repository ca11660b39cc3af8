"""The audit on a real host: each ban with the firewall that reported it, and with its log line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bench.load import post, run
from tests.e2e.labsite import LabSite
from tests.e2e.poller import trusting
from tests.e2e.site_helpers import ATTACKER, EVENT, denied, tokens
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab

LOGS = "/var/log/banstitch"
# What a FortiGate would log of a user name that wants to be an entry of its own.
USER = r"x\", \"what\": \"ban\", \"address\": \"8.8.8.8\", \"y\": \""
SECOND = "203.0.113.40"


def history(site: LabSite, last: int = 1000) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.run(
        "bans", "--history", "--last", str(last), "--json"
    ).target("bh1")["history"]
    return found


def attack(site: LabSite, address: str, user: str = "bob") -> str:
    """Three failed logins at the firewall, which ban; the log line of each."""
    line = EVENT.format(address=address, user=user)
    for _ in range(3):
        (delivery,) = site.units[0].log_event(line)
        assert delivery.status == 200, delivery
    assert within(60, lambda: denied(site, address))
    # a ban is in the feed first
    assert within(60, lambda: address in [entry["address"] for entry in history(site)])
    return line


def test_a_ban_names_the_firewall_and_holds_the_log_line_over_restarts_and_redeployments(
    deployed: LabSite,
) -> None:
    line = attack(deployed, ATTACKER, USER)

    (ban,) = history(deployed)
    assert (ban["what"], ban["address"], ban["fortigate"]) == ("ban", ATTACKER, "fgt1")
    assert ban["event"] == line
    clean = f"banstitch-sslvpn_login_failed {ATTACKER} {ATTACKER} fgt1"
    assert [event.partition(" ")[2] for event in ban["events"]] == [clean] * 3
    table = deployed.run("bans", "--history").out.splitlines()
    assert [ATTACKER in table[1], "fgt1" in table[1], table[2]] == [True, True, f"    {line}"]
    assert "user=" not in deployed.host.read(f"{LOGS}/events.log")
    modes = deployed.host.console(f"stat -c '%a %U %G %n' {LOGS}/*", check=True).stdout.splitlines()
    assert modes == [
        f"640 root banstitch {LOGS}/audit.log",
        f"660 root banstitch {LOGS}/events.log",
        f"660 root banstitch {LOGS}/evidence.log",
        f"660 root banstitch {LOGS}/rejected.log",
        f"660 root banstitch-rules {LOGS}/rules.log",
    ]

    # fail2ban reads the old events again; what it restores is no new ban
    deployed.host.console("fail2ban-client reload", check=True)
    deployed.host.console("systemctl restart fail2ban", check=True)
    moved = f"cp -p {LOGS}/evidence.log {LOGS}/evidence.log.1 && truncate -s 0 {LOGS}/evidence.log"
    deployed.host.console(moved, check=True)
    second = attack(deployed, SECOND)
    assert [(e["address"], e["event"]) for e in history(deployed)] == [
        (ATTACKER, line),
        (SECOND, second),
    ]

    assert deployed.run("teardown", "-y").code == 0
    assert deployed.host.console(f"stat -c %U {LOGS}/* | sort -u", check=True).stdout == "root\n"
    assert deployed.run("apply", "-y").code == 0
    third = attack(deployed, "203.0.113.41")
    assert [e["event"] for e in history(deployed)][-1] == third
    assert deployed.run("teardown", "-y", "--purge-data").code == 0
    assert deployed.host.console(f"ls -d {LOGS}").stdout == ""


def test_in_a_burst_each_ban_has_its_own_event(deployed: LabSite) -> None:
    token, attackers = (
        tokens(deployed)["webhook:fgt1"],
        [f"45.0.{n >> 8}.{n & 255}" for n in range(600)],
    )
    posts = (
        post(
            "/receive-logs",
            EVENT.format(address=address, user=f"{address}-{number}").encode(),
            X_Banstitch_Token=token,
        )
        for number in range(3)
        for address in attackers
    )

    answers = run((deployed.host.address, 5000), posts, at_once=8, encrypt=trusting(deployed))

    assert answers.statuses == {200: 1800}
    assert within(180, lambda: len(history(deployed)) == 600)
    by_address = {entry["address"]: entry for entry in history(deployed)}
    assert sorted(by_address) == sorted(attackers)
    for address, entry in by_address.items():
        assert entry["fortigate"] == "fgt1"
        assert f'user="{address}-2"' in entry["event"]


def test_a_ban_is_made_and_noted_although_its_event_cannot_be_kept(deployed: LabSite) -> None:
    deployed.host.console(f"chmod 600 {LOGS}/evidence.log", check=True)
    attack(deployed, ATTACKER)
    (ban,) = history(deployed)
    assert (ban["fortigate"], ban["event"]) == (None, None)
    assert len(ban["events"]) == 3
    assert json.loads(deployed.host.read(f"{LOGS}/audit.log")) == ban
