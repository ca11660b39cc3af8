"""One attempt to log in, as the FortiGate writes it and as the event log holds it."""

from __future__ import annotations

import ipaddress
import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from banstitch_shared.eventlog import FAILURE, LOCKOUT, SUCCESS, Entry

FORTIGATE = "fw1"
SSLVPN, IPSEC, ADMIN = "sslvpn_login_failed", "ipsec_login_failed", "admin_login_failed"


class Attempt(NamedTuple):
    """An attempt to log in. ``person`` and ``is_guess`` are the truth behind it.

    - ``source``: the address as it is counted, an IPv6 address by its /64
    - ``person``: number of the employee who tries, or -1
    - ``is_guess``: an attacker tries a password
    - ``is_tunnel``: the second event of a login to the SSL VPN, by which the tunnel begins
    """

    at: float
    address: str
    source: str
    detection: str
    kind: str
    user: str = ""
    reason: str = ""
    person: int = -1
    is_guess: bool = False
    is_tunnel: bool = False


@lru_cache(maxsize=65536)
def find_source(address: str) -> str:
    """Return the source that an address belongs to."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network(f"{address}/64", strict=False))


def to_entry(attempt: Attempt) -> Entry:
    """Return the event of an attempt."""
    return Entry(
        attempt.at,
        FORTIGATE,
        attempt.detection,
        attempt.kind,
        attempt.source,
        attempt.user,
        attempt.reason,
    )


def to_json_line(attempt: Attempt) -> str:
    """Return the line that ``replay`` reads."""
    return json.dumps(
        {"at": round(attempt.at, 6), "fortigate": FORTIGATE, "line": to_log_line(attempt)}
    )


def to_log_line(attempt: Attempt) -> str:
    """Return an attempt as FortiOS logs it."""
    render = {
        (SSLVPN, FAILURE): _render_sslvpn_failure,
        (SSLVPN, SUCCESS): _render_sslvpn_success,
        (IPSEC, FAILURE): _render_ipsec,
        (IPSEC, SUCCESS): _render_ipsec,
        (ADMIN, FAILURE): _render_admin,
        (ADMIN, SUCCESS): _render_admin,
        (ADMIN, LOCKOUT): _render_lockout,
    }[attempt.detection, attempt.kind]
    when = datetime.fromtimestamp(attempt.at, UTC)
    head = (
        f'date={when:%Y-%m-%d} time={when:%H:%M:%S} devname="{FORTIGATE}" devid="FGVMTEST00000001"'
        f' eventtime={int(attempt.at * 1e9)} tz="+0000"'
    )
    return f"{head} {render(attempt)}"


def _quote(text: str) -> str:
    """Return a typed value as FortiOS quotes it; its lines stay whole."""
    escaped = (text or "N/A").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _render_sslvpn_failure(attempt: Attempt) -> str:
    return (
        'logid="0101039426" type="event" subtype="vpn" level="alert" vd="root"'
        ' logdesc="SSL VPN login fail" action="ssl-login-fail" tunneltype="ssl-web" tunnelid=0'
        f' remip={attempt.address} user={_quote(attempt.user)} group="N/A" dst_host="N/A"'
        f' reason="{attempt.reason}" msg="SSL user failed to logged in"'
    )


def _render_sslvpn_success(attempt: Attempt) -> str:
    logid, kind = ("0101039947", "ssl-tunnel") if attempt.is_tunnel else ("0101039424", "ssl-web")
    return (
        f'logid="{logid}" type="event" subtype="vpn" level="information" vd="root"'
        f' logdesc="SSL VPN tunnel up" action="tunnel-up" tunneltype="{kind}" tunnelid=418623311'
        f' remip={attempt.address} user={_quote(attempt.user)} group="vpn" dst_host="N/A"'
        ' reason="login successfully" msg="SSL tunnel established"'
    )


def _render_ipsec(attempt: Attempt) -> str:
    is_right = attempt.kind == SUCCESS
    logid, status = ("0101037120", "success") if is_right else ("0101037121", "failure")
    return (
        f'logid="{logid}" type="event" subtype="vpn" level="{"notice" if is_right else "error"}"'
        ' vd="root" logdesc="Negotiate IPsec phase 1" msg="negotiate IPsec phase 1" action="negotiate"'
        f' remip={attempt.address} locip=192.0.2.1 remport=500 locport=500 outintf="wan1"'
        ' cookies="0011223344556677/8899aabbccddeeff"'
        f' user="{attempt.address}" group="N/A" useralt="N/A" eapuser={_quote(attempt.user)}'
        f' eapauthgroup="N/A" assignip=N/A vpntunnel="dialup" status="{status}" result="N/A"'
    )


def _render_admin(attempt: Attempt) -> str:
    is_right = attempt.kind == SUCCESS
    logid, status = ("0100032001", "success") if is_right else ("0100032002", "failed")
    return (
        f'logid="{logid}" type="event" subtype="system" level="alert" vd="root"'
        f' logdesc="Admin login {"successful" if is_right else "failed"}" sn="0"'
        f' user={_quote(attempt.user)} ui="https({attempt.address})" method="https"'
        f' srcip={attempt.address} dstip=192.0.2.1 action="login" status="{status}"'
        f' reason="{attempt.reason or "none"}" msg="Administrator login from https({attempt.address})"'
    )


def _render_lockout(attempt: Attempt) -> str:
    return (
        'logid="0100032021" type="event" subtype="system" level="alert" vd="root"'
        f' logdesc="Admin login disabled" ui="{attempt.address}" action="login" status="failed"'
        f' reason="exceed_limit" msg="Login disabled from IP {attempt.address} for 900 seconds because of'
        ' 3 bad attempts"'
    )
