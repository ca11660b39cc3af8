"""Daily operation: secrets are rotated, status shows what is wrong, and a new name changes nothing."""

from __future__ import annotations

import pytest

from tests.bench.load import post, run
from tests.e2e.labsite import LabSite
from tests.e2e.poller import trusting
from tests.e2e.site_helpers import (
    ATTACKER,
    EVENT,
    denied,
    tokens,
    without_enc,
)
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab


def posted(site: LabSite, token: str) -> int:
    """What an event is answered that comes with ``token``."""
    event = EVENT.format(address="198.51.100.99", user="x").encode()
    request = post("/receive-logs", event, X_Banstitch_Token=token)
    found = run((site.host.address, 5000), iter([request]), at_once=1, encrypt=trusting(site))
    (status,) = found.statuses
    return status


def test_rotate_gives_new_secrets_and_drops_the_old_once_the_firewall_has_them(
    deployed: LabSite,
) -> None:
    before = tokens(deployed)

    rotated = deployed.run("rotate", "-y", "--json")

    assert rotated.code == 0, rotated.out + rotated.err
    after = tokens(deployed)
    assert after.keys() == before.keys()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"webhook:fgt1", "feed:fgt1"}
    assert not [secret for secret in [*before.values(), *after.values()] if secret in rotated.out]
    assert deployed.run("verify").code == 0
    for _ in range(3):
        (delivery,) = deployed.units[0].log_event(EVENT.format(address=ATTACKER, user="x"))
        assert delivery.status == 200
    assert within(60, lambda: denied(deployed, ATTACKER))


def test_a_firewall_that_cannot_be_reached_keeps_working_with_its_old_secrets(
    deployed: LabSite,
) -> None:
    deployed.units[0].faults.drop_at = "set value"

    half = deployed.run("rotate", "-y")

    assert half.code in (1, 4)
    assert "webhook:fgt1#old" in tokens(deployed)
    (delivery,) = deployed.units[0].log_event(EVENT.format(address=ATTACKER, user="x"))
    assert delivery.status == 200
    both = [tokens(deployed)[f"webhook:fgt1{old}"] for old in ("", "#old")]
    assert [posted(deployed, token) for token in (*both, "neither")] == [200, 200, 401]
    assert deployed.run("apply", "-y").code == 0
    assert "webhook:fgt1#old" not in tokens(deployed)
    assert [posted(deployed, token) for token in both] == [200, 401]
    assert deployed.run("verify").code == 0


def test_status_reports_rejected_posts(deployed: LabSite) -> None:
    (delivery,) = deployed.units[0].log_event(EVENT.format(address="none", user="x"))
    assert delivery.status == 400
    assert posted(deployed, "wrong") == 401

    status = deployed.run("status")

    assert status.code == 2
    assert "note: fgt1: 1 post of the last 24 hours could not be read: see /var/" in status.out
    assert "note: bh1: 1 request refused since the ban host booted (wrong token: 1)" in status.out
    assert "fgt1" in deployed.run("status", "--json").out
    assert deployed.run("status", "--json").target("fgt1")["malformed"] == 1


def test_the_plan_to_disable_a_detection_counts_the_bans_that_end(deployed: LabSite) -> None:
    deployed.write_inventory("detection_enabled: [sslvpn_login_failed, admin_login_failed]")
    assert deployed.run("apply", "-y").code == 0
    assert deployed.run("ban", ATTACKER, "--detection", "admin_login_failed").code == 0
    deployed.write_inventory("")

    planned = deployed.run("plan", "--json")

    assert ("stop", "jail:banstitch-admin_login_failed") in planned.changes("bh1")
    (note,) = [n for n in planned.target("bh1")["notes"] if "its 1 live ban ends" in n]
    assert "jail banstitch-admin_login_failed is removed" in note
    assert planned.target("bh1")["execs"] == 1
    assert deployed.run("apply", "-y").code == 0
    assert deployed.run("plan").code == 0
    assert within(60, lambda: not denied(deployed, ATTACKER))
    assert "1 live ban ends: these addresses" in deployed.run("teardown", "-y").out


def test_status_shows_every_target_in_one_table(deployed: LabSite) -> None:
    for _ in range(3):
        deployed.units[0].log_event(EVENT.format(address=ATTACKER, user="x"))
    assert within(60, lambda: denied(deployed, ATTACKER))

    status = deployed.run("status", "--json")

    assert status.code == 0, status.out + status.err
    host, unit = status.target("bh1"), status.target("fgt1")
    assert (host["receiver"], host["changes"]) == ("up", [])
    assert host["jails"] == {"banstitch-sslvpn_login_failed": "up"}
    assert host["bans"] == {"banstitch-sslvpn_login_failed": 1}
    assert host["certificate"] == {"kind": "self_signed", "days": 397, "todo": ""}
    assert host["versions"]["fail2ban"]
    assert unit["version"] == "7.4.8"
    assert unit["last_event"] > 0
    assert unit["last_poll"] > 0
    table = deployed.run("status").out
    assert "397 days" in table
    assert "s ago" in table

    deployed.host.console("systemctl stop fail2ban", check=True)
    deployed.host.console("systemctl stop banstitch-receiver.socket banstitch-receiver", check=True)
    down = deployed.run("status", "--json")
    assert down.code == 2
    assert down.target("bh1")["receiver"] == "down"
    assert down.target("bh1")["jails"] == {"banstitch-sslvpn_login_failed": "down"}
    shown = deployed.run("status")
    assert shown.code == 2
    assert "down: sslvpn_login_failed" in shown.out


def test_status_of_an_unreachable_ban_host_is_unknown(site: LabSite) -> None:
    site.endpoints["bh1"] = (site.host.address, 9)

    site.write_inventory()
    away = site.run("status")

    assert away.code == 4
    row = next(line for line in away.out.splitlines() if line.startswith("bh1   bh1"))
    assert row.split() == ["bh1", "bh1", "unreachable", *"?????", "?"]
    assert "Connection refused" in away.out


def test_a_fortigate_renamed_in_the_inventory_stays_the_same_fortigate(
    site: LabSite,
) -> None:
    before = without_enc(site.units[0].show())
    assert site.run("apply", "-y").code == 0
    hosts = site.folder / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("fgt1:", "renamed:"))

    applied = site.run("apply", "-y", "--json")

    assert applied.code == 0, applied.out + applied.err
    assert not [n for n in applied.target("bh1")["notes"] if "no longer" in n]
    assert site.run("plan").code == 0
    assert site.run("verify").code == 0
    (delivery,) = site.units[0].log_event(EVENT.format(address=ATTACKER, user="x"))
    assert delivery.status == 200
    assert site.run("teardown", "-y").code == 0
    assert without_enc(site.units[0].show()) == before
