"""The whole loop at one site: a real ban host, a FortiGate, an attacker, and nothing left afterwards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.site_helpers import ATTACKER, EVENT, denied, without_enc
from tests.lab.stopwatch import Stopwatch, within

pytestmark = pytest.mark.lab

BAN_TIME = 12


def test_an_attacker_is_banned_within_3_seconds_and_free_3_seconds_after_the_ban_time(
    deployed: LabSite,
) -> None:
    deployed.write_inventory(f"detection_ban_time: {BAN_TIME}")
    applied = deployed.run("apply", "-y", "--json")
    assert applied.code == 0, applied.out + applied.err
    unit = deployed.units[0]
    for user in ("root", "admin", "test"):
        deliveries = unit.log_event(EVENT.format(address=ATTACKER, user=user))
        assert [delivery.status for delivery in deliveries] == [200]

    with Stopwatch() as since_the_last:
        assert within(3, lambda: denied(deployed, ATTACKER))
        assert not denied(deployed, "198.51.100.24")
        left = BAN_TIME + 3 - since_the_last.seconds
        assert within(left, lambda: not denied(deployed, ATTACKER))


def test_a_user_name_that_names_an_address_bans_nobody(deployed: LabSite) -> None:
    for _ in range(3):
        deployed.units[0].log_event(EVENT.format(address="N/A", user="x remip=8.8.8.8"))
        deployed.units[0].log_event(EVENT.format(address=ATTACKER, user='x\\" remip=8.8.8.8 a=\\"'))
    assert within(60, lambda: denied(deployed, ATTACKER))
    assert not denied(deployed, "8.8.8.8")


@pytest.mark.parametrize("console", ["more", "standard"])
def test_a_second_apply_sends_no_changing_line_and_needs_three_exchanges(
    tmp_path: Path, ready_root: Path, console: str
) -> None:
    options = fortigate_options(console=console)
    with LabSite(tmp_path / "inventory", ready_root, [options]) as site:
        planned = site.run("plan", "--json")
        assert planned.code == 2, planned.out + planned.err
        assert site.units[0].journal.changing() == []
        applied = site.run("apply", "-y", "--json")
        assert applied.code == 0, applied.out + applied.err
        assert applied.changes("fgt1") == planned.changes("fgt1")
        sent = len(site.units[0].journal.changing())
        shown = without_enc(site.units[0].show())

        again = site.run("apply", "-y", "--json")

        assert again.code == 0
        assert (again.target("fgt1")["state"], again.target("fgt1")["changes"]) == ("ok", [])
        assert again.target("bh1")["execs"] == 1
        assert again.target("fgt1")["exchanges"] <= 3
        assert len(site.units[0].journal.changing()) == sent
        assert without_enc(site.units[0].show()) == shown


STITCH = "system automation-stitch:banstitch_sslvpn_login_failed"
DRIFTS = {
    "an attribute changed": (
        'config system external-resource\nedit "banstitch_feed"\nset refresh-rate 60\nend',
        [("update", "system external-resource:banstitch_feed")],
        "set refresh-rate 1",
    ),
    "the stitch disabled": (
        "config system automation-stitch\n"
        'edit "banstitch_sslvpn_login_failed"\nset status disable\nend',
        [("update", STITCH)],
        "status",
    ),
    "the stitch deleted": (
        'config system automation-stitch\ndelete "banstitch_sslvpn_login_failed"\nend',
        [("create", STITCH)],
        "set trigger",
    ),
    "the enforcement taken out": (
        "config vpn ssl settings\nunset source-address\nset source-address-negate disable\nend",
        [("update", "vpn ssl settings")],
        "set source-address-negate enable",
    ),
}


def test_each_drift_of_a_fortigate_is_found_and_repaired_alone(deployed: LabSite) -> None:
    unit = deployed.units[0]
    good = without_enc(unit.show())
    for name, (lines, changes, diff) in DRIFTS.items():
        unit.run(lines)
        assert without_enc(unit.show()) != good, name

        plan = deployed.run("plan", "--json")
        assert plan.code == 2, name
        assert plan.changes("fgt1") == changes, name
        assert diff in plan.target("fgt1")["changes"][0]["diff"], name

        applied = deployed.run("apply", "-y", "--json")
        assert applied.changes("fgt1") == changes, name
        assert without_enc(unit.show()) == good, name


def test_teardown_restores_fortigate_and_host_byte_for_byte(
    tmp_path: Path, ready_root: Path
) -> None:
    with LabSite(
        tmp_path / "inventory", ready_root, [fortigate_options(), fortigate_options()]
    ) as site:
        before = [without_enc(unit.show()) for unit in site.units]
        files = site.list_files()
        applied = site.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        assert site.run("verify").code == 0

        gone = site.run("teardown", "-y", "--json")

        assert gone.code == 0, gone.out + gone.err
        assert [without_enc(unit.show()) for unit in site.units] == before
        assert site.list_files() == files
        again = site.run("teardown", "-y", "--json")
        assert again.code == 0
        assert {again.target(name)["state"] for name in ("bh1", "fgt1", "fgt2")} == {"ok"}


def test_a_foreign_object_of_the_same_name_is_a_conflict_until_adopted_and_comes_back(
    site: LabSite,
) -> None:
    theirs = (
        'config system automation-trigger\nedit "banstitch_sslvpn_login_failed"\n'
        "set event-type event-log\nset logid 32002\nend"
    )
    unit = site.units[0]
    unit.run(theirs)
    before = without_enc(unit.show())

    refused = site.run("apply", "-y", "--json")
    assert refused.code == 1
    assert "--adopt" in refused.target("fgt1")["error"]
    assert without_enc(unit.show()) == before

    assert site.run("apply", "-y", "--adopt").code == 0
    assert site.run("plan").code == 0
    assert site.run("teardown", "-y").code == 0
    assert without_enc(unit.show()) == before


def test_fortigates_are_not_changed_if_their_ban_host_failed(site: LabSite) -> None:
    site.host.console("mkdir /etc/logrotate.d/banstitch", check=True)

    failed = site.run("apply", "-y", "--json")

    assert failed.code == 1
    assert failed.target("bh1")["state"] == "failed"
    assert failed.target("fgt1")["state"] == "skipped"
    assert "bh1" in failed.target("fgt1")["error"]
    assert site.units[0].journal.changing() == []
    site.host.console("rmdir /etc/logrotate.d/banstitch", check=True)


def test_an_unreachable_fortigate_is_exit_4_and_the_ban_host_is_still_deployed(
    site: LabSite,
) -> None:
    site.units[0].stop()

    ran = site.run("apply", "-y", "--json")

    assert ran.code == 4
    assert ran.target("bh1")["state"] == "changed"
    assert ran.target("fgt1")["state"] == "unreachable"


def test_an_unknown_host_key_is_refused_until_accepted_and_a_changed_one_always(
    site: LabSite,
) -> None:
    known = site.folder / "known_hosts"
    good = known.read_text()
    known.unlink()
    unknown = site.run("plan")
    assert unknown.code == 4
    assert "--accept-new-host-keys" in unknown.out
    assert site.run("plan", "--accept-new-host-keys").code == 2
    assert sorted(known.read_text().split()) == sorted(good.split())

    host, unit = good.splitlines()
    known.write_text(f"{host.split()[0]} {unit.split(' ', 1)[1]}\n{unit}\n")
    changed = site.run("plan", "--accept-new-host-keys")
    assert changed.code == 4
    assert "CHANGED" in changed.out


def test_no_secret_is_in_any_output_at_any_verbosity(site: LabSite) -> None:
    runs = [
        site.run("plan", "-vvv"),
        site.run("apply", "-y", "-D", "-vvv"),
        site.run("apply", "-y", "-D", "--json", "-vvv"),
        site.run("verify", "-vvv"),
    ]
    site.units[0].run('config system external-resource\ndelete "banstitch_feed"\nend')
    site.units[0].run("config vpn ssl settings\nunset source-address\nend")
    site.units[0].run('config system external-resource\ndelete "banstitch_feed"\nend')
    site.units[0].faults.errors["set password"] = "Command fail. Return code -14"
    failed = site.run("apply", "-y", "-D", "-vvv")
    assert failed.code == 1
    tokens = site.host.read("/etc/banstitch/tokens.json")
    secrets = [*re.findall(r': "([^"]{20,})"', tokens), "Forti-Secret-9", site.host.password]
    assert len(secrets) == 6
    keys = site.host.console(
        "sed -n '/BEGIN.*PRIVATE/,/END/p' /etc/banstitch/tls/*.pem", check=True
    ).stdout.splitlines()
    secrets += [line for line in keys if len(line) > 40]
    assert len(secrets) > 6
    for ran in [*runs, failed]:
        assert not [secret for secret in secrets if secret in ran.out + ran.err]
