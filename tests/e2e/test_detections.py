"""Every detection through a firewall's own stitch: its samples ban, and its other reasons do not."""

from __future__ import annotations

import pytest

from roles.detection import CATALOGUE
from tests.e2e.labsite import LabSite
from tests.e2e.test_site import ATTACKER, EVENT, denied, within

pytestmark = pytest.mark.lab

JAIL = "banstitch-sslvpn_login_failed"
PROPOSAL = (
    'logid="0101037124" type="event" subtype="vpn" vd="root" logdesc="IPsec phase 1 error" '
    'action="negotiate" remip=203.0.113.99 status="negotiate_error" '
    'reason="peer SA proposal not match local policy" peer_notif="NOT-APPLICABLE"'
)


def test_each_detection_bans_through_its_own_stitch_and_jail(site: LabSite) -> None:
    names = list(CATALOGUE)
    site.write_inventory(f"detection_enabled: [{', '.join(names)}]\ndetection_max_retry: 1")
    applied = site.run("apply", "-y")
    assert applied.code == 0, applied.out + applied.err
    unit, wanted = site.units[0], set()
    for detection in CATALOGUE.values():
        sample = detection.matches[0]
        deliveries = unit.log_event(sample.line)
        assert [delivery.status for delivery in deliveries] == [200], detection.name
        wanted.add((f"banstitch-{detection.name}", sample.address))

    # the stitch itself does not fire for a scanner's proposal
    assert unit.log_event(PROPOSAL) == []

    assert within(5, lambda: all(denied(site, address) for _, address in wanted))
    assert not denied(site, "203.0.113.99")
    bans = site.run("bans", "--json").target("bh1")["bans"]
    assert {(ban["jail"], ban["address"]) for ban in bans} == wanted
    assert site.run("plan").code == 0


def test_a_repeat_offender_is_banned_for_longer_and_counted(site: LabSite) -> None:
    site.write_inventory(
        "detection_max_retry: 1\ndetection_increment: true\ndetection_increment_factor: 100"
    )
    applied = site.run("apply", "-y")
    assert applied.code == 0, applied.out + applied.err
    # shorter than the inventory allows, because fail2ban lengthens a ban up to 10 s after it began
    site.host.run(f"fail2ban-client set {JAIL} bantime 12", check=True)
    site.units[0].log_event(EVENT.format(address=ATTACKER, user="x"))
    assert within(5, lambda: denied(site, ATTACKER))
    assert within(20, lambda: not denied(site, ATTACKER))
    assert within(5, lambda: not site.host.run(f"fail2ban-client get {JAIL} banip").stdout.strip())

    site.units[0].log_event(EVENT.format(address=ATTACKER, user="x"))

    assert within(5, lambda: denied(site, ATTACKER))

    def longer() -> bool:
        (ban,) = site.run("bans", "--json").target("bh1")["bans"]
        return bool(ban["until"] - ban["since"] >= 1199 and ban["count"] == 2)

    assert within(20, longer)
