"""The site of the demo: a bare Debian host, a simulated FortiGate, and their inventory."""

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
from tests.lab.debian import DebianHost, build_bare_root
from tests.lab.fetch import fetch
from tests.lab.records import LabError, Process, is_alive

# Tests run demos beside one that a person may be watching.
FOLDER = PROJECT / "build" / (os.environ.get("BANSTITCH_DEMO") or "demo")
INVENTORY = FOLDER / "inventory"
_KEPT = FOLDER / "kept.json"
BAN_TIME = 15
# Records that apt, dpkg and fail2ban keep about themselves.
NOT_OURS = ("/var/lib/apt/*", "/var/lib/dpkg/*-old", "/var/lib/fail2ban/fail2ban.sqlite3")


@dataclass(frozen=True)
class DemoSite:
    """The running ban host and FortiGate."""

    host: DebianHost
    fortigate: FortiGate

    def list_files(self) -> dict[str, object]:
        """Return every file where software may leave some, and the installed packages."""
        files: dict[str, object] = dict(self.host.list_files(ignore=NOT_OURS))
        return files | {"packages": self._run("dpkg-query -W -f '${Package} ${Status}\n'")}

    def read_stamps(self) -> dict[str, tuple[int, int]]:
        """Return the inode and the modification time of each of these files."""
        return self.host.read_stamps(list(self.host.list_files(ignore=NOT_OURS)))

    def find_programs(self) -> list[str]:
        """Return the programs needed by the loop that the host has."""
        return self._run("command -v python3 fail2ban-server gunicorn flask; true").split()

    def read_events(self) -> list[str]:
        """Return the lines that the receiver wrote for fail2ban."""
        return self.host.read("/var/log/banstitch/events.log").splitlines()

    def count_failures(self) -> int:
        """Return the number of events that fail2ban has counted."""
        status = self._run("fail2ban-client status banstitch-sslvpn_login_failed")
        total = re.search(r"Total failed:\s+(\d+)", status)
        return int(total[1]) if total else 0

    def fetch_feed(self) -> list[str]:
        """Return the addresses in the feed, which is fetched with the token of `verify`."""
        token = json.loads(self.host.read("/etc/banstitch/tokens.json"))["verify"]
        basic = base64.b64encode(f"verify:{token}".encode()).decode()
        url = f"https://{self.host.address}:5000/blocked-ips"
        pem = self.host.read("/etc/banstitch/tls/ca.pem")
        ca = pem[pem.index("-----BEGIN CERTIFICATE") :]
        status, text = fetch(url, {"Authorization": f"Basic {basic}"}, ca=ca)
        if status != 200:
            raise LabError(f"the feed answered {status}: {text}")
        return text.split()

    def _run(self, command: str) -> str:
        return self.host.console(command, check=True).stdout


def write_inventory(site: DemoSite) -> None:
    """Write the inventory, and the host keys that an operator would read on the consoles."""
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
      receiver_listen: {site.host.address} # all lab hosts share one loopback interface
      receiver_allow: [127.0.0.0/8] # and so does the FortiGate
      receiver_accept_documentation: true # attackers in the demo use documentation addresses
      detection_max_retry: 3 # in the demo; the default is 5
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


def record_kept(host: str, fortigate: Process | None = None) -> None:
    """Record what keeps running after the demo, before the demo ends."""
    kept = {"host": host, "fortigate": [fortigate.pid, fortigate.started] if fortigate else None}
    _KEPT.write_text(json.dumps(kept))


def remove_kept() -> list[str]:
    """Remove what an earlier demo kept; return the names of what was removed."""
    if not _KEPT.exists():
        return []
    kept, gone = json.loads(_KEPT.read_text()), []
    if kept["fortigate"] and is_alive(Process(*kept["fortigate"])):
        os.kill(kept["fortigate"][0], signal.SIGTERM)
        gone.append("the simulated FortiGate")
    with suppress(LabError):  # it is gone already
        DebianHost.attach(kept["host"]).down()
        gone.append(f"the lab host {kept['host']}")
    _KEPT.unlink()
    return gone


@contextmanager
def lock_demo() -> Iterator[None]:
    """Run only one demo at a time in one directory.

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


def boot(stack: ExitStack, narrator: Narrator, keep: bool) -> DemoSite:
    """Boot both; stop them when ``stack`` ends, unless they are to be kept."""
    with narrator.step("boot a bare Debian 12 and a FortiGate"):
        for gone in remove_kept():
            narrator.say(f"Removed {gone}, which an earlier demo kept.")
        narrator.say(
            """A real Debian 12 with systemd and sshd, and nothing else, boots in systemd-nspawn.
            Building its file system takes a minute the first time. A simulated FortiGate 7.4
            runs in a process of its own."""
        )
        root = build_bare_root()
        name = f"demo-{os.getpid()}"
        if keep:
            record_kept(name)
        host = DebianHost(root, name=name, owned=not keep).up()
        if not keep:
            stack.callback(host.down)
        fortigate = FortiGate(FOLDER, outlives_us=keep).start()
        if keep:
            record_kept(name, fortigate.running)
        else:
            stack.callback(fortigate.stop)
        site = DemoSite(host, fortigate)
        write_inventory(site)
        narrator.show(
            [
                f"ban-demo: root@{host.address} port {host.port}",
                "fw-demo:  admin@{} port {}".format(*fortigate.address),
            ]
        )
        programs = site.find_programs()
        narrator.claim(
            "the host has no python3, no fail2ban, no gunicorn, no Flask", not programs, programs
        )
    return site
