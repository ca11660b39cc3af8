"""Daily operation: secrets are rotated, addresses banned and freed by hand, and nobody is left out."""

from __future__ import annotations

import pytest

from tests.bench.load import post, run
from tests.e2e.labsite import LabSite
from tests.e2e.poller import trusting
from tests.e2e.site_helpers import (
    ATTACKER,
    EVENT,
    add_jail_of_operator,
    denied,
    history,
    list_leftovers,
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


def test_an_operator_bans_unbans_and_lists_addresses(deployed: LabSite) -> None:
    assert deployed.run("ban", ATTACKER, "--for", "1h", "--why", "seen elsewhere").code == 0
    assert within(60, lambda: denied(deployed, ATTACKER))
    listed = deployed.run("bans", "--json")
    (ban,) = listed.target("bh1")["bans"]
    assert ban["address"] == ATTACKER
    assert abs(ban["until"] - ban["since"] - 3600) <= 1
    assert ATTACKER in deployed.run("bans").out

    assert deployed.run("unban", ATTACKER).code == 0
    assert within(60, lambda: not denied(deployed, ATTACKER))
    deployed.host.console("systemctl restart fail2ban", check=True)
    assert deployed.run("bans", "--json").target("bh1")["bans"] == []
    assert not denied(deployed, ATTACKER)
    history = deployed.run("bans", "--history", "--json").target("bh1")["history"]
    assert [entry["what"] for entry in history] == ["ban", "unban"]
    assert history[0]["why"] == "seen elsewhere"
    assert "@" in history[0]["by"]


def test_ban_and_unban_report_their_effect(deployed: LabSite) -> None:
    first = deployed.run("ban", f"::ffff:{ATTACKER}", "--for", "1h", "--json").target("bh1")
    longer = deployed.run("ban", ATTACKER, "--for", "1m", "--json").target("bh1")

    assert (first["state"], longer["state"]) == ("changed", "ok")
    assert first["until"] == longer["until"] > 0
    assert any("banned until" in note for note in first["notes"])
    assert any("nothing was changed" in note for note in longer["notes"])
    assert within(60, lambda: denied(deployed, ATTACKER))

    assert deployed.run("ban", "198.0.0.0/9", "--for", "1h").code == 0
    freed = deployed.run("unban", ATTACKER, "--json").target("bh1")
    again = deployed.run("unban", ATTACKER, "--json").target("bh1")
    assert (freed["state"], freed["notes"]) == ("changed", ["still denied: within 198.0.0.0/9"])
    assert again["state"] == "ok"
    assert again["notes"] == ["was not banned", "still denied: within 198.0.0.0/9"]
    assert "note: was not banned" in deployed.run("unban", ATTACKER).out


def fail_three_times(site: LabSite, address: str) -> None:
    for _ in range(3):
        site.units[0].log_event(EVENT.format(address=address, user="x"))


def test_whom_an_operator_allows_is_freed_and_not_banned_until_the_allowance_ends(
    deployed: LabSite,
) -> None:
    assert deployed.run("ban", ATTACKER, "--for", "1h").code == 0

    given = deployed.run("allow", ATTACKER, "--for", "8h", "--why", "a customer", "--json")

    assert given.code == 0, given.out + given.err
    allowed = given.target("bh1")
    assert allowed["state"] == "changed"
    assert f"its ban ended: {ATTACKER}" in allowed["notes"]
    assert deployed.run("bans", "--json").target("bh1")["bans"] == []
    again = deployed.run("allow", ATTACKER, "--for", "1h", "--json").target("bh1")
    assert (again["state"], again["until"]) == ("ok", allowed["until"])
    assert f"{ATTACKER} is allowed until" in deployed.run("bans").out

    deployed.host.console("systemctl restart fail2ban", check=True)
    fail_three_times(deployed, ATTACKER)
    fail_three_times(deployed, "203.0.113.90")
    assert within(60, lambda: denied(deployed, "203.0.113.90"))
    assert not denied(deployed, ATTACKER)

    assert deployed.run("unallow", ATTACKER, "--why", "done").code == 0
    assert deployed.run("unallow", ATTACKER, "--json").target("bh1")["notes"] == ["was not allowed"]
    fail_three_times(deployed, ATTACKER)
    assert within(60, lambda: denied(deployed, ATTACKER))
    acts = [(e["what"], e["why"]) for e in history(deployed) if e["what"].endswith("allow")]
    assert acts == [("allow", "a customer"), ("unallow", "done")]
    assert deployed.run("teardown", "-y", "--purge-data").code == 0
    assert list_leftovers(deployed) == []


def test_unban_reports_a_ban_of_a_disabled_detection(deployed: LabSite) -> None:
    deployed.write_inventory("detection_enabled: [sslvpn_login_failed, admin_login_failed]")
    assert deployed.run("apply", "-y").code == 0
    assert deployed.run("ban", ATTACKER, "--detection", "admin_login_failed").code == 0
    deployed.write_inventory("")
    assert deployed.run("apply", "-y").code == 0

    told = deployed.run("unban", ATTACKER, "--json").target("bh1")

    assert told["state"] == "ok"
    off = "banned in banstitch-admin_login_failed, which is off; comes back when it is on"
    assert told["notes"] == [off]


def test_a_ban_without_effect_is_explained(site: LabSite) -> None:
    assert site.run("ban", ATTACKER, "--json").target("bh1")["error"] == "not deployed: run apply"
    assert site.run("apply", "-y").code == 0
    assert site.run("ban", ATTACKER, "--for", "1h").code == 0
    pid = site.host.console("systemctl show -P MainPID fail2ban", check=True).stdout.strip()

    site.host.console(f"kill -STOP {pid}", check=True)
    hung = site.run("ban", "203.0.113.5")
    site.host.console(f"kill -CONT {pid}", check=True)

    assert hung.code == 1
    assert "fail2ban does not answer; what was asked may still take effect" in hung.out
    site.host.console("systemctl stop fail2ban", check=True)
    for verb in ("ban", "unban"):
        stopped = site.run(verb, ATTACKER)
        assert stopped.code == 1
        assert "fail2ban is not running" in stopped.out
        assert "fail2ban-client" not in stopped.out
    assert site.run("teardown", "-y").code == 0
    gone = site.run("bans", "--json")
    assert (gone.code, gone.target("bh1")["error"]) == (1, "not deployed: run apply")


def test_status_reports_rejected_posts(deployed: LabSite) -> None:
    (delivery,) = deployed.units[0].log_event(EVENT.format(address="none", user="x"))
    assert delivery.status == 400
    assert posted(deployed, "wrong") == 401

    status = deployed.run("status")

    assert status.code == 2
    assert "note: fgt1: 1 post of the last 24 hours could not be read: see /var/" in status.out
    assert "note: bh1: 1 request refused since the receiver's start (wrong token: 1)" in status.out
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


def test_the_history_keeps_all_bans_unbans_and_expiries_across_restarts(
    deployed: LabSite,
) -> None:
    for _ in range(3):
        deployed.units[0].log_event(EVENT.format(address=ATTACKER, user="x"))
    assert within(60, lambda: denied(deployed, ATTACKER))
    assert deployed.run("ban", "203.0.113.5", "--for", "2s", "--why", "a trial").code == 0
    assert within(60, lambda: len(history(deployed)) == 3)
    deployed.host.console("systemctl restart fail2ban banstitch-receiver", check=True)
    assert deployed.run("unban", ATTACKER, "--why", "a customer").code == 0

    entries = history(deployed)
    told = [(entry["what"], entry["address"], entry["why"]) for entry in entries]
    assert told == [
        ("ban", ATTACKER, "3 events"),
        ("ban", "203.0.113.5", "a trial"),
        ("expiry", "203.0.113.5", "its time was over"),
        ("unban", ATTACKER, "a customer"),
    ]
    assert len(entries[0]["events"]) == 3
    assert entries[0]["by"] == "fail2ban"
    assert "@" in entries[3]["by"]


def test_a_ban_of_the_sites_own_hosts_or_of_all_addresses_is_refused(site: LabSite) -> None:
    for address in (site.host.address, "127.0.0.0/8", "0.0.0.0/0", "nobody"):
        refused = site.run("ban", address)
        assert refused.code == 3, address
        assert address in refused.err


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


def test_bans_that_were_purged_do_not_come_back_with_the_next_deployment(
    site: LabSite,
) -> None:
    add_jail_of_operator(site)
    assert site.run("apply", "-y").code == 0
    assert site.run("ban", ATTACKER, "--for", "1h").code == 0
    assert site.run("teardown", "-y", "--purge-data").code == 0

    assert site.run("apply", "-y").code == 0

    assert site.run("bans", "--json").target("bh1")["bans"] == []
