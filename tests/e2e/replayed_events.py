"""Events of an hour in which each rule bans somebody: as log lines, and as the receiver records them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from banstitch_shared.eventlog import FAILURE, LOCKOUT, SUCCESS, Entry, write_line

VPN, ADMIN = "sslvpn_login_failed", "admin_login_failed"
# Only fail2ban counts failed logins of administrators, within a window short enough to wait for.
WINDOW = 10
_OFF = ", ".join(
    f"{rule}: off" for rule in ("trusted", "slow", "unknown_user", "trap", "spray", "network")
)
SETTINGS = (
    f"detection_enabled: [{VPN}, {ADMIN}]\n"
    "detection_known_users: [bob, carol, dave]\n"
    f"detection_settings: {{{ADMIN}: {{max_retry: 3, find_time: {WINDOW}, rules: {{{_OFF}}}}}}}"
)
UNKNOWN = "sslvpn_login_unknown_user"
_FAILURE = (
    'logid="0101039426" type="event" subtype="vpn" level="alert" vd="root" logdesc="SSL VPN login fail"'
    ' action="ssl-login-fail" tunneltype="ssl-web" tunnelid=0 remip={address} user="{user}" group="N/A"'
    ' dst_host="N/A" reason="{reason}" msg="SSL user failed to logged in"'
)
_LOGIN = (
    'logid="0101039947" type="event" subtype="vpn" level="information" vd="root"'
    ' logdesc="SSL VPN tunnel up" action="tunnel-up" tunneltype="ssl-tunnel" tunnelid=418623311'
    ' remip={address} tunnelip=172.19.12.1 user="{user}" group="vpn" dst_host="N/A"'
    ' reason="tunnel established" msg="SSL tunnel established"'
)
_ADMIN = (
    'logid="0100032002" type="event" subtype="system" level="alert" logdesc="Admin login failed"'
    ' sn="0" user="{user}" ui="https({address})" method="https" srcip={address} dstip=192.0.2.3'
    ' action="login" status="failed" reason="passwd_invalid" msg="Administrator login failed"'
)
_LOCKOUT = (
    'logid="0100032021" type="event" subtype="system" level="alert" logdesc="Admin login disabled"'
    ' srcip={address} action="login" status="failed" reason="exceed_limit" msg="Login disabled"'
)


class Told(NamedTuple):
    """An event: the log line of the FortiGate, and the entry that the receiver makes of it."""

    line: str
    entry: Entry

    @property
    def recorded(self) -> str:
        """Return the line of the evidence."""
        posted = {"fortigate": self.entry.fortigate, "event": self.line}
        return f"{write_line(self.entry)} {json.dumps(posted)}\n"


def fail(at: float, address: str, user: str, reason: str = "", sent: str = "") -> Told:
    """Return a failed login to the VPN; ``sent``: the address in the log line."""
    line = _FAILURE.format(address=sent or address, user=user or "N/A", reason=reason or "N/A")
    return Told(line, Entry(at, "fgt1", VPN, FAILURE, address, user, reason))


def succeed(at: float, address: str, user: str) -> Told:
    """Return a login to the VPN."""
    line = _LOGIN.format(address=address, user=user)
    return Told(line, Entry(at, "fgt1", VPN, SUCCESS, address, user, "tunnel established"))


def lock_out(at: float, address: str) -> Told:
    """Return the event of an address that the FortiGate locked out."""
    line = _LOCKOUT.format(address=address)
    return Told(line, Entry(at, "fgt1", ADMIN, LOCKOUT, address, "", "exceed_limit"))


def write_admin_failure(address: str) -> str:
    """Return the log line of a failed login of an administrator."""
    return _ADMIN.format(address=address, user="root")


def list_past(now: float) -> list[Told]:
    """Return the events of the last hour in the order of their times.

    fail2ban passes over what is older than the window of a jail, which is ten minutes for the rules
    ``plain`` and ``trusted``.
    """
    return sorted(_build_past(now), key=lambda told: told.entry.at)


def _build_past(now: float) -> Iterator[Told]:
    # so that they are not taken for phones of a new site
    for user, address in (("alice", "45.9.9.9"), ("bob", "45.9.8.8"), ("dave", "45.9.7.7")):
        yield succeed(now - 3000, address, user)
    for ago in (2900, 2300, 1700, 1100):  # slow
        yield fail(now - ago, "45.10.1.1", "bob")
    yield fail(now - 2800, "45.11.1.1", "admin")  # trap
    yield fail(now - 2790, "45.11.2.1", "a;b")
    yield fail(now - 2700, "45.12.1.1", "jsmith", UNKNOWN)  # unknown_user
    yield fail(now - 2600, "45.12.1.1", "kjones", UNKNOWN)
    for number in (1, 2, 3):  # network
        yield fail(now - 2550 + number, f"45.13.1.{number}", "test")
    for number in range(4, 8):  # spray: three at once, and one more
        yield fail(now - 2500 + 100 * number, f"45.1{number}.1.1", "carol")
    for ago in (1900, 1890, 1880):  # no name
        yield fail(now - ago, "45.18.1.1", "")
    yield fail(now - 1500, "2a0c:1b3:7:7::/64", "admin", sent="2a0c:1b3:7:7::5")
    yield lock_out(now - 1400, "45.19.1.1")
    for number in range(12):
        yield fail(
            now - 400 + 30 * number, "45.20.1.1", "dave"
        )  # slow, then plain; further failures change nothing
        yield fail(now - 390 + 30 * number, "45.9.9.9", "alice")  # trusted


# Seconds from the first on at which administrators fail: fail2ban counts the third failure of the first
# address as one too many, although only two are within the window, and that of the second one not.
SCHEDULE = sorted(
    [(share * WINDOW, "45.21.1.1") for share in (0, 0.507, 1.014)]
    + [(share * WINDOW, "45.22.1.1") for share in (0, 0.667, 1.467)]
)
