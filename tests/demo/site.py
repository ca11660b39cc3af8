"""The site of the demo: a bare Debian, a FortiGate in a process of its own, and their inventory."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from tests import PROJECT
from tests.demo.fortigate import FortiGate
from tests.demo.narrator import Narrator
from tests.lab.debian import DebianHost, bare_root
from tests.lab.fetch import fetch
from tests.lab.records import LabError, Process, alive

# Tests run demos beside the one that a person may be watching.
FOLDER = PROJECT / "build" / (os.environ.get("BANSTITCH_DEMO") or "demo")
INVENTORY = FOLDER / "inventory"
_KEPT = FOLDER / "kept.json"
BAN_TIME = 15
# Written by the package manager, and by fail2ban's service, about themselves.
NOT_OURS = ("/var/lib/apt/*", "/var/lib/dpkg/*-old", "/var/lib/fail2ban/fail2ban.sqlite3")


@dataclass(frozen=True)
class DemoSite:
    """Both targets, up, with an inventory that names them."""

    host: DebianHost
    fortigate: FortiGate

    def listing(self) -> dict[str, object]:
        """Every file of the places where a tool may leave something, and the installed packages."""
        files: dict[str, object] = dict(self.host.listing(ignore=NOT_OURS))
        return files | {"packages": self._said("dpkg-query -W -f '${Package} ${Status}\n'")}

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Inode and time of change of each of these files."""
        return self.host.stamps(list(self.host.listing(ignore=NOT_OURS)))

    def programs(self) -> list[str]:
        """Those of the programs that the loop needs which the host has."""
        return self._said("command -v python3 fail2ban-server gunicorn flask; true").split()

    def events(self) -> list[str]:
        """What the receiver wrote down for fail2ban."""
        return self.host.read("/var/log/banstitch/events.log").splitlines()

    def failures(self) -> int:
        """How many events fail2ban has counted."""
        said = self._said("fail2ban-client status banstitch-sslvpn_login_failed")
        found = re.search(r"Total failed:\s+(\d+)", said)
        return int(found[1]) if found else 0

    def feed(self) -> list[str]:
        """What the ban host serves to its FortiGate, asked for as root there may."""
        token = json.loads(self.host.read("/etc/banstitch/tokens.json"))["verify"]
        basic = base64.b64encode(f"verify:{token}".encode()).decode()
        url = f"https://{self.host.address}:5000/blocked-ips"
        pem = self.host.read("/etc/banstitch/tls/ca.pem")
        ca = pem[pem.index("-----BEGIN CERTIFICATE") :]
        status, text = fetch(url, {"Authorization": f"Basic {basic}"}, ca=ca)
        if status != 200:
            raise LabError(f"the feed answered {status}: {text}")
        return text.split()

    def _said(self, command: str) -> str:
        return self.host.console(command, check=True).stdout


def write_inventory(site: DemoSite) -> None:
    """As an operator would write it who has read both host keys on the consoles."""
    address, port = site.fortigate.address
    INVENTORY.mkdir(parents=True, exist_ok=True)
    (INVENTORY / "hosts.yml").write_text(
        f"""\
ban_hosts:
  hosts:
    ban-demo:
      ansible_host: {site.host.address}
      ansible_port: {site.host.port}
      ansible_user: root
      ansible_ssh_private_key_file: {site.host.private_key}
      receiver_listen: {site.host.address} # lab hosts share one loopback interface
      receiver_allow: [127.0.0.0/8] # so does the simulated FortiGate
      receiver_accept_documentation: true # the attackers here have addresses that nobody has
      detection_ban_time: {BAN_TIME}s
fortigates:
  hosts:
    fw-demo:
      ansible_host: {address}
      ansible_port: {port}
      ansible_user: admin
      ansible_password: "{{{{ lookup('env', 'FORTIGATE_PASSWORD') }}}}"
      ban_host: ban-demo
"""
    )
    keys = (site.host.host_key_line, site.fortigate.host_key_line)
    (INVENTORY / "known_hosts").write_text("".join(f"{key}\n" for key in keys))


def keep(host: str, fortigate: Process | None = None) -> None:
    """Write down what outlives the demo, before it does."""
    found = {"host": host, "fortigate": [fortigate.pid, fortigate.started] if fortigate else None}
    _KEPT.write_text(json.dumps(found))


def remove_kept() -> list[str]:
    """Remove what an earlier demo kept; says what it was."""
    if not _KEPT.exists():
        return []
    kept, gone = json.loads(_KEPT.read_text()), []
    if kept["fortigate"] and alive(Process(*kept["fortigate"])):
        os.kill(kept["fortigate"][0], signal.SIGTERM)
        gone.append("the simulated FortiGate")
    with suppress(LabError):  # it is gone already
        DebianHost.attach(kept["host"]).down()
        gone.append(f"the lab host {kept['host']}")
    _KEPT.unlink()
    return gone


@contextmanager
def only_demo() -> Iterator[None]:
    """One demo at a time in one work tree.

    Raises:
        LabError: another one is running.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError("another demo is running in this directory") from None
        yield


def boot(stack: ExitStack, tell: Narrator, stay: bool) -> DemoSite:
    """Both targets, up; gone with ``stack`` unless they are to ``stay``."""
    with tell.step("boot a bare Debian 12 and a FortiGate"):
        for gone in remove_kept():
            tell.say(f"Removed what an earlier demo kept: {gone}.")
        tell.say(
            """A real Debian 12 with systemd and sshd, nothing else, boots in systemd-nspawn; the
            first time its file system is built, which takes a minute. A simulated FortiGate 7.4
            runs as a process of its own."""
        )
        root = bare_root()
        name = f"demo-{os.getpid()}"
        if stay:
            keep(name)
        host = DebianHost(root, name=name, owned=not stay).up()
        if not stay:
            stack.callback(host.down)
        fortigate = FortiGate(FOLDER, outlives_us=stay).start()
        if stay:
            keep(name, fortigate.running)
        else:
            stack.callback(fortigate.stop)
        site = DemoSite(host, fortigate)
        write_inventory(site)
        tell.show(
            [
                f"ban-demo: root@{host.address} port {host.port}",
                "fw-demo:  admin@{} port {}".format(*fortigate.address),
            ]
        )
        programs = site.programs()
        tell.claim(
            "the host has no python3, no fail2ban, no gunicorn, no Flask", not programs, programs
        )
    return site
