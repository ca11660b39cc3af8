"""What a FortiGate posts for one failed login of an attacker who chose the user name.

In every way in which FortiOS may escape it, in every form that a body may have, whole or cut.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from roles.detection.catalogue import CATALOGUE
from roles.webhook import BODY
from tests.simulator.webhook import expand
from tests.unit.receiver.receiver_app import module

OWN, OTHER = "45.1.2.3", "8.8.8.8"
# What an attacker may build a name of.
PIECES = (
    f"remip={OTHER} ", f"srcip={OTHER}", f"ui=ssh({OTHER})", '"', '\\"', "\\", "\\\\", " ", "\n", "\r\n",
    "\t", "=", f'logid="0101039426" remip={OTHER} user="x"\n', 'logid="0100032001" ', "devid=", "N/A", "x",
    'y="',
    f"banstitch logid=0101039426 devid=FG1 remip={OTHER} srcip={OTHER} ui= status= reason=x\n", "%%log%%",
    "%%log.remip%%", "<190>", "1: ", "\0", "\u2028", "\x85", "\u00fc", "\udcff", "'", "{", "}", "x" * 300,
    'reason="', 'reason="peer SA proposal not match local policy" ', "date=2024-10-14 ",
)  # fmt: skip
HEAD = (
    'date=2026-11-26 time=13:39:08 devname="FGT A" devid="FGVM01TM26000001" eventtime=1741264747895826299'
    ' tz="+0100" logid="%s" type="event" subtype="x" level="alert" vd="root" logdesc="x" '
)
LINES = {
    "sslvpn_login_failed": HEAD % "0101039426"
    + f'action="ssl-login-fail" tunneltype="ssl-web" tunnelid=0 remip={OWN} user="<>" group="N/A"'
    ' dst_host="N/A" reason="sslvpn_login_unknown_user" msg="SSL user failed to logged in"',
    "admin_login_failed": HEAD % "0100032002"
    + f'sn="0" user="<>" ui="https({OWN})" method="https" srcip={OWN} dstip=192.0.2.3 action="login"'
    f' status="failed" reason="passwd_invalid" msg="Administrator <> login failed from https({OWN}) because"',
    "admin_login_failed of old FortiOS": HEAD % "0100032002"
    + f'sn=0 user="<>" ui=ssh({OWN}) action=login status=failed reason="name_invalid"'
    f' msg="Administrator <> login failed from ssh({OWN}) because of invalid user name"',
    "ipsec_failed": HEAD % "0101037124"
    + f'msg="IPsec phase 1 error" action="negotiate" remip={OWN} locip=192.0.2.140 remport=500 locport=500'
    ' outintf="wan1" cookies="75da2b97aacbbfef/0000000000000000" user="<>" group="N/A" xauthuser="<>"'
    ' vpntunnel="N/A" status="negotiate_error" reason="probable pre-shared secret mismatch" fctuid="N/A"',
    "user_auth_failed": HEAD % "0102043009"
    + f'srcip={OWN} policyid=2 interface="port2" user="<>" group="N/A" action="authentication"'
    ' status="failure" reason="invalid username/password" msg="User <> failed in authentication"',
}  # fmt: skip
BEHIND = [name for name in LINES if name.startswith("admin")]
BEFORE = [name for name in LINES if name not in BEHIND]


def both(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def quotes(text: str) -> str:
    return text.replace('"', '\\"')


def none(text: str) -> str:
    return text


Change = Callable[[str], str]
ESCAPINGS: tuple[Change, ...] = (both, quotes, none)
FORMS: dict[str, Change] = {
    "raw": none,
    "escaped": both,
    "escaped, quotes only": quotes,
    "quoted": lambda body: f'"{both(body)}"',
    "quoted with escaped line ends": lambda body: f'"{both(body)}"'.replace("\n", "\\n"),
    "first token cut": lambda body: body.replace("date=2026-11-26", "-26", 1),
}


@cache
def header_of(detection: str, absent: str) -> str:
    line = LINES[detection].replace("<>", "x")
    return expand(BODY, line, "", False, absent).partition("\n")[0]


def body_of(detection: str, name: str, escape: Change, form: str, header: str) -> str:
    line = LINES[detection].replace("<>", escape(name))
    head = header_of(detection, header) + "\n" if header else ""
    return FORMS[form](head + line)


DETECTIONS = [
    {
        "name": each.name,
        "log_ids": list(each.log_ids),
        "address_field": each.address_field,
        "address_inside": each.address_inside or "",
        "where": {name: list(patterns) for name, patterns in each.where.items()},
        "ignore": module("sources").ignored(()),
    }
    for each in CATALOGUE.values()
]


def counted(body: str) -> list[str]:
    """Return the address that a body counts for, if it counts; no other error than Malformed appears."""
    lines, verdicts = module("lines"), module("verdicts")
    text = body.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        verdict = verdicts.judge(lines.read_event(text), DETECTIONS, (), False, 64)
    except lines.Malformed:
        return []
    return [] if verdict.ignored else [verdict.address]


def places_to_cut(body: str) -> list[int]:
    """Return every place behind the first whole address, and the blank that shows that it is whole."""
    return list(range(body.index(" ", body.index(OWN)) + 1, len(body) + 1))


IN_EITHER_ORDER = ('logid="0101039426" remip=%s user="x"', 'remip=%s logid="0101039426" user="x"')
# What is no address, not one address, or none that anybody attacks from.
HOSTILE_REMIPS = (
    '"N/A"', "N/A", "", '""', "(null)", "0.0.0.0", "0.0.0.0/0", "::/0", "8.8.8.8/0", "8.8.8.0/24",
    "8.8.8.8,9.9.9.9", "8.8.8.8;9.9.9.9", "8.8.8.8-9.9.9.9", "8.8.8", "8.8.8.8.8", "134744072", "0x08080808",
    "010.8.8.8", "8.8.8.08", "8.8.8.8:443", "[2a00::1]", "2a00::1%eth0", "2a00::1/64", "::ffff:0:8.8.8.8",
    "::10.8.8.8", "64:ff9b::a08:808", "2002:a08:808::1", "2001::1", "fe80::1", "ff02::1", "::1", "::",
    "\uff11.1.1.1", "8.8.8.8\u200b", "8.8.8.8\0", "localhost", "dns.google", '"8.8.8.8 "', '" 8.8.8.8"',
    '"8.8.8.8\\n9.9.9.9"', '"8.8.8.8\n"', "'8.8.8.8'", "8.8.8.8#", "-8.8.8.8", "+8.8.8.8", "8.8.8.8e0",
    "255.255.255.255", "224.0.0.1", "240.0.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "10.0.0.1",
    "192.168.1.1", "172.16.0.1", "192.0.0.1", "198.18.0.1", "fd00::1", "3fff:ffff:ffff:ffff:ffff::1::",
)  # fmt: skip
