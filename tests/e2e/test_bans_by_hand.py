"""Addresses are banned, freed and allowed by hand, and the history keeps it."""

from __future__ import annotations

import pytest

from tests.e2e.labsite import LabSite
from tests.e2e.site_helpers import (
    ATTACKER,
    EVENT,
    add_jail_of_operator,
    denied,
    history,
    list_leftovers,
)
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab


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
    off = "banned in banstitch-admin_login_failed, which is off; the ban returns if it is turned on"
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
    assert "fail2ban does not answer; the request may still take effect" in hung.out
    site.host.console("systemctl stop fail2ban", check=True)
    for verb in ("ban", "unban"):
        stopped = site.run(verb, ATTACKER)
        assert stopped.code == 1
        assert "fail2ban is not running" in stopped.out
        assert "fail2ban-client" not in stopped.out
    assert site.run("teardown", "-y").code == 0
    gone = site.run("bans", "--json")
    assert (gone.code, gone.target("bh1")["error"]) == (1, "not deployed: run apply")


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


def test_bans_that_were_purged_do_not_come_back_with_the_next_deployment(
    site: LabSite,
) -> None:
    add_jail_of_operator(site)
    assert site.run("apply", "-y").code == 0
    assert site.run("ban", ATTACKER, "--for", "1h").code == 0
    assert site.run("teardown", "-y", "--purge-data").code == 0

    assert site.run("apply", "-y").code == 0

    assert site.run("bans", "--json").target("bh1")["bans"] == []
