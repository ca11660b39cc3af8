"""The site of the demo: a bare Debian, a FortiGate in a process of its own, and their inventory."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from tests.lab.debian import DebianHost, bare_root
from tests.lab.narrator import PROJECT, Narrator
from tests.lab.records import LabError, Process, alive, process

# Tests run demos beside the one that a person may be watching.
FOLDER = PROJECT / "build" / (os.environ.get("BANSTITCH_DEMO") or "demo")
INVENTORY = FOLDER / "inventory"
_KEPT = FOLDER / "kept.json"
PASSWORD = "demo-Only-1"
# Seconds that one minute of the FortiGate's `refresh-rate` lasts, so that nobody waits for its poll.
MINUTE = 2.0
BAN_TIME = 15
# Written by the package manager, and by fail2ban's service, about themselves.
NOT_OURS = ("/var/lib/apt/*", "/var/lib/dpkg/*-old", "/var/lib/fail2ban/fail2ban.sqlite3")
START_TIMEOUT = 60.0

_EVENT = (
    'date=2026-11-22 time=10:00:00 devname="fw-demo" devid="FGVM00TM00000000" '
    'eventtime=1795341600000000000 tz="+0000" logid="0101039426" type="event" subtype="vpn" '
    'level="alert" vd="root" logdesc="SSL VPN login fail" action="ssl-login-fail" '
    'tunneltype="ssl-web" tunnelid=0 remip={address} user="{user}" group="N/A" dst_host="N/A" '
    'reason="sslvpn_login_unknown_user" msg="SSL user failed to logged in"'
)


def event_line(address: str, user: str) -> str:
    """What a FortiGate logs when a login to its SSL VPN fails."""
    return _EVENT.format(address=address, user=user)


class FortiGate:
    """The simulator as its own process: SSH as any FortiGate has, and a port to play the world."""

    def __init__(self, outlives_us: bool) -> None:
        self._outlives_us = outlives_us
        self._process: subprocess.Popen[bytes] | None = None
        self.host_key_line = ""
        self.control_port = 0

    def start(self) -> Self:
        """Returns when it listens.

        Raises:
            LabError: it does not start; its words are in the text.
        """
        log, ready = FOLDER / "fortigate.log", FOLDER / "fortigate.key"
        ready.unlink(missing_ok=True)
        # Whatever becomes of the demo, its FortiGate goes with it.
        tied = [] if self._outlives_us else ["setpriv", "--pdeathsig", "TERM"]
        flags = {"--port": 0, "--control-port": 0, "--minute": MINUTE, "--hostname": "fw-demo"}
        flags |= {"--password": PASSWORD, "--ready-file": ready}
        argv = [*tied, sys.executable, "-m", "tests.lab.fortios"]
        argv += [str(part) for flag in flags.items() for part in flag]
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                argv, cwd=PROJECT, stdout=file, stderr=file, start_new_session=True
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not ready.exists() or not ready.read_text().endswith("\n"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise LabError(f"the simulated FortiGate did not start:\n{log.read_text()}")
            time.sleep(0.05)
        self.host_key_line = ready.read_text().strip()
        self.control_port = int(log.read_text().split("control port ")[1].split()[0])
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Where its SSH listens."""
        found = re.match(r"\[(.+)\]:(\d+) ", self.host_key_line)
        if found is None:
            raise LabError(f"no address and port in {self.host_key_line!r}")
        return found[1], int(found[2])

    @property
    def running(self) -> Process | None:
        return process(self._process.pid) if self._process else None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=START_TIMEOUT)

    def _ask(self, path: str, body: str | None = None) -> str:
        status, text = fetch(f"http://127.0.0.1:{self.control_port}{path}", body=body)
        if status != 200:
            raise LabError(f"the simulated FortiGate answered {path} with {status}: {text}")
        return text

    def show(self) -> str:
        """Its whole configuration, without the `ENC` blobs, which differ at every show."""
        return re.sub(r"ENC \S+", "ENC", self._ask("/show"))

    def log_event(self, line: str) -> list[dict[str, Any]]:
        """Have it log a line; its own stitch fires. What the webhook was answered."""
        found: list[dict[str, Any]] = json.loads(self._ask("/event", line))
        return found

    def poll(self) -> None:
        """Have it fetch the feed now."""
        self._ask("/poll", "")

    def denies(self, address: str) -> bool:
        """Whether it would refuse the address, by what it polled so far."""
        return bool(json.loads(self._ask("/denies?" + urlencode({"address": address})))["denied"])

    def changing_lines(self) -> list[str]:
        """Every line typed over SSH so far that could have changed it."""
        return [
            line["text"] for line in json.loads(self._ask("/journal"))["lines"] if line["changes"]
        ]


def fetch(
    url: str, headers: Mapping[str, str] | None = None, body: str | None = None, ca: str = ""
) -> tuple[int, str]:
    """Status and text of a URL, straight, whatever proxy the environment names; 0: no answer.

    By https only ``ca`` (PEM) is believed.
    """
    trust = ssl.create_default_context(cadata=ca) if ca else None
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data=data, headers=dict(headers or {}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")
    except OSError as error:
        return 0, str(error)


@dataclass(frozen=True)
class DemoSite:
    """Both targets, up, with an inventory that names them."""

    host: DebianHost
    unit: FortiGate

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
    address, port = site.unit.address
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
    keys = (site.host.host_key_line, site.unit.host_key_line)
    (INVENTORY / "known_hosts").write_text("".join(f"{key}\n" for key in keys))


def keep(host: str, unit: Process | None = None) -> None:
    """Write down what outlives the demo, before it does."""
    found = {"host": host, "fortigate": [unit.pid, unit.started] if unit else None}
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
        unit = FortiGate(outlives_us=stay).start()
        if stay:
            keep(name, unit.running)
        else:
            stack.callback(unit.stop)
        site = DemoSite(host, unit)
        write_inventory(site)
        tell.show(
            [
                f"ban-demo: root@{host.address} port {host.port}",
                "fw-demo:  admin@{} port {}".format(*unit.address),
            ]
        )
        programs = site.programs()
        tell.claim(
            "the host has no python3, no fail2ban, no gunicorn, no Flask", not programs, programs
        )
    return site
