"""The site that version 0.1 left behind (tests/fixtures/site_0_1), running again on the lab.

with Site01(tmp_path / "inventory", ready_root) as site:
    site.run("apply", "-y")
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any, Self

from tests.e2e.labsite import LabSite, fortigate_options
from tests.lab.debian import DebianHost
from tests.simulator import Simulator

FIXTURE = Path(__file__).parent.parent / "fixtures" / "site_0_1"
JAIL = "banstitch-sslvpn_login_failed"
ADMIN_JAIL = "banstitch-admin_login_failed"
REPEATED, FOREVER, IPV6 = "198.51.100.77", "203.0.113.99", "2001:db8:7::17"
# Whom each jail bans at the moment of the recording.
BANNED = {
    JAIL: {REPEATED, FOREVER, IPV6, "198.51.100.21", "198.51.100.22", "203.0.113.64/29"},
    ADMIN_JAIL: {"203.0.113.31"},
}
LIVE = {address for addresses in BANNED.values() for address in addresses}
# Has failed twice, one time fewer than what bans.
ALMOST = "198.51.100.23"

_USER = "banstitch"
_MANIFEST = "/var/lib/banstitch/manifest.json"
_DATABASE = "/var/lib/fail2ban/fail2ban.sqlite3"
_EVENTS = "/var/log/banstitch/events.log"
_TLS = "/etc/banstitch/tls"
# As version 0.1 made the user.
_MAKE_USER = (
    "useradd --system --user-group --no-create-home --shell /usr/sbin/nologin"
    f" --home-dir /nonexistent {_USER}"
)
# As version 0.1 signed what the receiver shows.
_SIGN = f"""\
umask 077 && cd $(mktemp -d) && ca={_TLS}/ca.pem
cat >extensions <<END
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:$1, IP:127.0.0.1, IP:::1, DNS:localhost
END
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key
openssl req -new -key key -subj '/CN=Banstitch receiver' -out csr
openssl x509 -req -in csr -CA $ca -CAkey $ca -set_serial 0x$(openssl rand -hex 16) -days 397 \\
    -extfile extensions -out crt
cat key crt >{_TLS}/server.pem
chown root:{_USER} {_TLS}/server.pem && chmod 640 {_TLS}/server.pem && rm -r "$PWD"
"""
_FILL_DATABASE = f"""\
import os, sqlite3, sys
os.path.exists("{_DATABASE}") and os.unlink("{_DATABASE}")
with sqlite3.connect("{_DATABASE}") as database:
    database.executescript(sys.stdin.read())
"""
_START = (
    "systemctl daemon-reload && systemctl restart fail2ban"
    " && systemctl enable --quiet --now banstitch-receiver.socket banstitch-receiver.service"
)


class Site01(LabSite):
    """As a context manager, the site runs inside: `bh1` on the lab, `fgt1` in this process."""

    def __init__(self, folder: Path, root: Path) -> None:
        super().__init__(folder, root)
        # every file of the host before version 0.1 was there
        self.untouched: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._stack.enter_context(self.host)
        # it comes with the root of today; version 0.1 installed it
        self.host.console("dpkg --purge python3-systemd", check=True)
        self.untouched = self.list_files()
        shown = self._filled(FIXTURE / "fortigate.conf")
        unit = Simulator(fortigate_options(config=shown))
        self.units.append(self._stack.enter_context(unit))
        self.write_inventory()
        self._install()
        return self

    def write_inventory(self, settings: str | None = None) -> None:
        """(Re)write the recorded inventory; ``settings`` are more lines of the ban host's variables."""
        self.folder.mkdir(exist_ok=True)
        text = self._filled(FIXTURE / "inventory" / "hosts.yml")
        more = "".join(f"          {line}\n" for line in (settings or "").splitlines())
        (self.folder / "hosts.yml").write_text(
            text.replace("    fortigates:\n", f"{more}    fortigates:\n")
        )
        self.write_known_hosts()

    def _filled(self, path: Path) -> str:
        """The text of a recorded file, for the addresses and the age that the site has here."""
        text = path.read_text().replace("@ban_host@", self.host.address)
        if self.units:
            places = {
                "@ban_host_port@": str(self.host.port),
                "@ban_host_key@": str(self.host.private_key),
                "@fortigate@": self.units[0].address,
                "@fortigate_port@": str(self.units[0].port),
            }
            for name, value in places.items():
                text = text.replace(name, value)
        return text

    def _install(self) -> None:
        """Put everything on the host and start it."""
        host = self.host
        # what `packages` of the manifest names
        quiet = "DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends"
        host.console(f"{quiet} python3-systemd", check=True)
        host.console("systemctl stop fail2ban", check=True)
        accounts = _accounts(host)
        host.console(_MAKE_USER, check=True)
        self._copy_files()
        manifest = json.loads(host.read(_MANIFEST))
        for entry in manifest["objects"]:
            if entry["id"] == f"user:{_USER}":
                entry["before"] = accounts
        host.write(_MANIFEST, json.dumps(manifest, indent=1, sort_keys=True))
        host.console(["sh", "-ec", _SIGN, "sh", host.address], check=True)
        host.console(["python3", "-c", _FILL_DATABASE], stdin=self._database(), check=True)
        host.console(_START, check=True)

    def _copy_files(self) -> None:
        disk = self.host.filesystem
        ids = {
            kind: _numbers(disk / "etc" / name)
            for kind, name in (("user", "passwd"), ("group", "group"))
        }
        rows = [line.split(" ", 4) for line in (FIXTURE / "files.txt").read_text().splitlines()]
        for kind, mode, owner, group, path in sorted(rows, key=lambda row: row[4]):
            target = disk / path.lstrip("/")
            if kind == "d":
                target.mkdir(exist_ok=True)
            else:
                text = self._filled(FIXTURE / "host" / path.lstrip("/"))
                target.write_text(_moved(text) if path.startswith("/var/") else text)
            os.chown(target, ids["user"][owner], ids["group"][group])
            target.chmod(int(mode, 8))

    def _database(self) -> str:
        """The rows of fail2ban's database; it knows a log by the digest of its first line."""
        first = self.host.read(_EVENTS).partition("\n")[0] + "\n"
        recorded = (FIXTURE / "host" / _EVENTS.lstrip("/")).read_text().partition("\n")[0] + "\n"
        old, new = (hashlib.sha1(line.encode()).hexdigest() for line in (recorded, first))
        return _moved((FIXTURE / "fail2ban.sql").read_text()).replace(old, new)


def _moved(text: str) -> str:
    """``text`` with each time in it as much later as the record is old."""
    age = int(time.time()) - int((FIXTURE / "recorded_at.txt").read_text())
    return re.sub(r"\b1[0-9]{9}\b", lambda found: str(int(found.group()) + age), text)


def _numbers(file: Path) -> dict[str, int]:
    """The number of each name of /etc/passwd or /etc/group."""
    rows = (line.split(":") for line in file.read_text().splitlines())
    return {row[0]: int(row[2]) for row in rows}


def _accounts(host: DebianHost) -> dict[str, Any]:
    """What version 0.1 remembered of the account files before it made the user."""
    paths = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"]
    backups = {path + "-": _state(host, path + "-") for path in paths}
    return {"backups": backups, "files": {path: _digest(host, path) for path in paths}}


def _state(host: DebianHost, path: str) -> dict[str, Any] | None:
    file = host.filesystem / path.lstrip("/")
    if not file.exists():
        return None
    mode, owner, group = host.console(["stat", "-c", "%a %U %G", path], check=True).stdout.split()
    content = base64.b64encode(file.read_bytes()).decode()
    attributes = {"mode": int(mode, 8), "owner": owner, "group": group}
    return {"type": "file", "content": content, **attributes}


def _digest(host: DebianHost, path: str) -> str:
    return hashlib.sha256((host.filesystem / path.lstrip("/")).read_bytes()).hexdigest()
