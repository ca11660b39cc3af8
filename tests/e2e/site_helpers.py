"""Trigger events at a site of the lab, and read what became of them."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.e2e.labsite import LabSite

ATTACKER = "198.51.100.23"
EVENT = (
    'date=2026-11-22 time=10:00:00 devname="FGT-A" devid="FGVM00TM00000000" '
    'eventtime=1732269600000000000 tz="+0000" logid="0101039426" type="event" subtype="vpn" '
    'level="alert" vd="root" logdesc="SSL VPN login fail" action="ssl-login-fail" '
    'tunneltype="ssl-web" tunnelid=0 remip={address} user="{user}" group="N/A" dst_host="N/A" '
    'reason="sslvpn_login_unknown_user" msg="SSL user failed to logged in"'
)


def denied(site: LabSite, address: str, unit: int = 0) -> bool:
    """Return whether a FortiGate denies the address once it has polled its feed."""
    site.units[unit].poll_feeds()
    return bool(site.units[unit].denies(address))


def without_enc(text: str) -> str:
    """Return the output of `show` without the encrypted values, which differ at every call."""
    return re.sub(r"ENC \S+", "ENC", text)


def tokens(site: LabSite) -> dict[str, str]:
    """Return the content of the ban host's tokens.json."""
    found: dict[str, str] = json.loads(site.host.read("/etc/banstitch/tokens.json"))
    return found


def history(site: LabSite) -> list[dict[str, Any]]:
    """Return the history of bans, oldest entry first."""
    found: list[dict[str, Any]] = site.run("bans", "--history", "--json").target("bh1")["history"]
    return found
