"""Trigger events at a site of the lab, and read what became of them."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Any

from tests.e2e.labsite import LabSite
from tests.lab.debian import DebianHost

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


OPERATORS_JAIL = """\
[mine]
enabled = true
logpath = /var/log/mine.log
backend = polling
filter = sshd
action = %(action_)s
banaction = noop
"""


def add_jail_of_operator(site: LabSite) -> None:
    """An operator's own fail2ban with an own jail, and files of theirs beside ours."""
    site.host.console(
        "touch /var/log/mine.log /var/log/auth.log && mkdir -p /opt/theirs", check=True
    )
    site.host.console("printf '[Definition]\\n' > /etc/fail2ban/action.d/noop.conf", check=True)
    site.host.console(f"cat > /etc/fail2ban/jail.local <<'E'\n{OPERATORS_JAIL}E", check=True)
    site.host.console("echo theirs > /opt/theirs/file", check=True)
    site.host.console(
        "systemctl restart fail2ban && timeout 120 sh -c 'until fail2ban-client ping; do sleep 0.1; done'",
        check=True,
    )


def list_leftovers(site: LabSite) -> list[str]:
    """Files anywhere, users and programs that carry our name."""
    look = (
        "find / /run /tmp /var/tmp /dev/shm -xdev -iname '*banstitch*';"
        " getent passwd group | grep -i banstitch;"
        " ps -eo user:32,args | grep -iE 'banstitch|gunicorn' | grep -v grep;"
        " systemctl list-units --all --plain --no-legend '*banstitch*'"
    )
    return site.host.console(look).stdout.splitlines()


FAIL2BAN = {"bullseye": "0.11", "bookworm": "1.0", "trixie": "1.1"}


# Prints the files of ours that a service can read, as its user and in its view of the file system.
LIST_READABLE = """
pid=$(systemctl show -p MainPID --value {unit})
groups=$(awk '/^Groups:/{{$1 = ""; gsub(" +", ",", $0); print substr($0, 2)}}' /proc/$pid/status)
nsenter --target $pid --mount setpriv --reuid $(stat -c %u /proc/$pid) --regid banstitch --groups $groups \\
  sh -c 'find /etc/banstitch /var/lib/banstitch* /var/log/banstitch /var/spool/banstitch* \\
  -type f -readable' 2>/dev/null
true
"""
# What the page needs of our folders.
PAGE_READABLE = {
    "/etc/banstitch/page.json",
    "/etc/banstitch/tls/server.pem",
    "/var/lib/banstitch-rules",
    "/var/log/banstitch",
    "/var/spool/banstitch",
}


def list_readable(host: DebianHost, unit: str) -> set[str]:
    """Return what a service can read of our folders: the files of /etc/banstitch, and the other folders."""
    # whatever is hidden must stay so when it is replaced, as `rotate` does
    replace = "cd /etc/banstitch && cp -p digests.json new && mv new digests.json"
    host.console(replace, check=True)
    found = host.console(LIST_READABLE.format(unit=unit), check=True).stdout.split()
    return {path if path.startswith("/etc/") else str(PurePosixPath(path).parent) for path in found}
