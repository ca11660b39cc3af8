"""Every detection through a firewall's own stitch: its samples ban, and its other reasons do not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from banstitch_shared.eventlog import read_line

from roles.detection.catalogue import CATALOGUE
from tests.e2e.labsite import LabSite
from tests.e2e.site_helpers import ATTACKER, EVENT, denied
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab

JAIL = "banstitch-sslvpn_login_failed"
OTHER_ERROR = (
    'logid="0101037124" type="event" subtype="vpn" vd="root" logdesc="IPsec phase 1 error" '
    'action="negotiate" remip=203.0.113.99 status="negotiate_error" '
    'reason="no suitable proposal" peer_notif="NOT-APPLICABLE"'
)


def section(shown: str, name: str) -> str:
    """One table of what a unit shows."""
    _, _, rest = shown.partition(f"config system {name}\n")
    return rest.partition("\nend\n")[0]


def test_each_detection_bans_through_its_own_stitch_and_jail(deployed: LabSite) -> None:
    names = list(CATALOGUE)
    deployed.write_inventory(
        f"detection_enabled: [{', '.join(names)}]\ndetection_max_retry: 1\n"
        "detection_success_events: true"
    )
    applied = deployed.run("apply", "-y")
    assert applied.code == 0, applied.out + applied.err
    unit, wanted = deployed.units[0], set()
    for kind in ("trigger", "stitch"):
        made = re.findall(r'edit "banstitch_(\w+)"', section(unit.show(), f"automation-{kind}"))
        assert sorted(made) == sorted(list_triggers()), kind
    for detection in CATALOGUE.values():
        for log_id in detection.log_ids:
            sample = next(match for match in detection.matches if str(log_id) in match.line)
            deliveries = unit.log_event(sample.line)
            assert [delivery.status for delivery in deliveries] == [200], (detection.name, log_id)
            wanted.add((f"banstitch-{detection.name}", sample.address))

    # the stitch itself does not fire for another kind of error
    assert unit.log_event(OTHER_ERROR) == []

    assert within(60, lambda: all(denied(deployed, address) for _, address in wanted))
    assert not denied(deployed, "203.0.113.99") or "203.0.113.0/24" in deployed.run("bans").out
    bans = deployed.run("bans", "--json").target("bh1")["bans"]
    assert {(ban["jail"], ban["address"]) for ban in bans} >= wanted
    assert deployed.run("plan").code == 0


def list_triggers() -> Iterator[str]:
    """Yield the names of all triggers, without what begins them."""
    for detection in CATALOGUE.values():
        base = detection.name.removesuffix("_failed")
        yield detection.name
        yield from [f"{base}_ok"] * bool(detection.success_ids)
        yield from [f"{base}_lockout"] * bool(detection.lockout_ids)


def test_every_kind_of_event_reaches_the_event_log(deployed: LabSite) -> None:
    """Failures, logins and lock-outs of each detection, in every form that it has a sample of."""
    deployed.write_inventory(
        f"detection_enabled: [{', '.join(CATALOGUE)}]\ndetection_success_events: true"
    )
    applied = deployed.run("apply", "-y")
    assert applied.code == 0, applied.out + applied.err
    unit, wanted = deployed.units[0], []
    for detection in CATALOGUE.values():
        for match in detection.matches:
            if match.line.startswith(("banstitch ", "-", "1: ", "<")) or match.user is None:
                continue  # no line as a FortiGate itself logs it
            statuses = [delivery.status for delivery in unit.log_event(match.line)]
            assert statuses == [200], (detection.name, match.line)
            wanted.append((detection.name, match.kind, match.address, match.user))
    entries = map(read_line, deployed.host.read("/var/log/banstitch/events.log").splitlines())
    assert [(e.detection, e.kind, e.address, e.user) for e in entries] == wanted
    assert {kind for _, kind, _, _ in wanted} == {"failure", "success", "lockout"}

    # without logins their triggers go, and nothing else does
    deployed.write_inventory(
        f"detection_enabled: [{', '.join(CATALOGUE)}]\ndetection_success_events: false"
    )
    planned = deployed.run("plan")
    assert "banstitch_sslvpn_login_ok" in planned.out
    assert "banstitch_admin_login_lockout" not in planned.out


OWN = """\
detection_enabled: [sslvpn_login_failed, ipsec_psk_failed, user_auth_failed]
detection_max_retry: 1
detection_ignore: [203.0.113.200, "file:{allow}"]
detection_settings:
            ipsec_psk_failed: {{ban_time: -1, ignore: [203.0.113.128/26]}}
            user_auth_failed: {{max_retry: 2, ban_time: 2d}}
"""
IPSEC = (
    'logid="0101037124" type="event" subtype="vpn" vd="root" action="negotiate" remip={} '
    'status="negotiate_error" reason="probable pre-shared secret mismatch" user="N/A"'
)
USER = 'logid="0102043009" type="event" subtype="user" vd="root" srcip={} user="x" status="failure"'


def test_each_detection_has_its_own_thresholds_ban_time_and_ignore_list(
    deployed: LabSite, tmp_path: Path
) -> None:
    (tmp_path / "allow.txt").write_text("203.0.113.208/28  # the office\n2001:db8:7::/48\n")
    deployed.write_inventory(OWN.format(allow=tmp_path / "allow.txt"))
    applied = deployed.run("apply", "-y")
    assert applied.code == 0, applied.out + applied.err
    log = deployed.units[0].log_event
    spared = ("203.0.113.200", "203.0.113.210", "2001:db8:7::9")
    for address in spared:
        log(EVENT.format(address=address, user="x"))
        log(IPSEC.format(address))
    for line in (IPSEC.format("203.0.113.130"), IPSEC.format("203.0.113.5")):
        log(line)
    log(EVENT.format(address="203.0.113.130", user="x"))
    for address in ("203.0.113.6", "203.0.113.7", "203.0.113.7"):
        log(USER.format(address))

    def banned() -> set[tuple[str, str, float]]:
        """Jail, address and the minutes for which it is banned; -1 is for ever."""
        found = deployed.run("bans", "--json").target("bh1")["bans"]
        return {(b["jail"], b["address"], max(-1, (b["until"] - b["since"]) // 60)) for b in found}

    wanted = {
        (JAIL, "203.0.113.130", 60),
        ("banstitch-ipsec_psk_failed", "203.0.113.5", -1),
        ("banstitch-user_auth_failed", "203.0.113.7", 2 * 24 * 60),
    }
    assert within(60, lambda: banned() == wanted), banned()
    for address in (*spared, "203.0.113.130"):
        refused = deployed.run("ban", address, "--detection", "ipsec_psk_failed")
        assert refused.code == 1, address
        assert "ignore list" in refused.out + refused.err
    deployed.host.console("systemctl restart fail2ban", check=True)
    assert within(60, lambda: denied(deployed, "203.0.113.5"))
    assert within(60, lambda: banned() == wanted), banned()


def test_a_repeat_offender_is_banned_for_longer_and_counted(deployed: LabSite) -> None:
    deployed.write_inventory(
        "detection_max_retry: 1\ndetection_increment: true\ndetection_increment_factor: 100"
    )
    applied = deployed.run("apply", "-y")
    assert applied.code == 0, applied.out + applied.err
    # shorter than the inventory allows, because fail2ban lengthens a ban up to 10 s after it began
    deployed.host.console(f"fail2ban-client set {JAIL} bantime 12", check=True)
    deployed.units[0].log_event(EVENT.format(address=ATTACKER, user="x"))
    assert within(60, lambda: denied(deployed, ATTACKER))
    assert within(60, lambda: not denied(deployed, ATTACKER))
    assert within(
        60, lambda: not deployed.host.console(f"fail2ban-client get {JAIL} banip").stdout.strip()
    )

    deployed.units[0].log_event(EVENT.format(address=ATTACKER, user="x"))

    assert within(60, lambda: denied(deployed, ATTACKER))

    def longer() -> bool:
        (ban,) = deployed.run("bans", "--json").target("bh1")["bans"]
        return bool(ban["until"] - ban["since"] >= 1199 and ban["count"] == 2)

    assert within(60, longer)
