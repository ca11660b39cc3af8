"""The FortiGate of the demo: the simulator in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from tests import PROJECT
from tests.lab.fetch import fetch
from tests.lab.records import LabError, Process, find_process

PASSWORD = "demo-Only-1"
# Seconds in one minute of the FortiGate's `refresh-rate`, so that the demo need not wait for its poll.
MINUTE = 2.0
START_TIMEOUT = 60.0

_EVENT = (
    'date=2026-11-22 time=10:00:00 devname="fw-demo" devid="FGVM00TM00000000" '
    'eventtime=1795341600000000000 tz="+0000" logid="0101039426" type="event" subtype="vpn" '
    'level="alert" vd="root" logdesc="SSL VPN login fail" action="ssl-login-fail" '
    'tunneltype="ssl-web" tunnelid=0 remip={address} user="{user}" group="N/A" dst_host="N/A" '
    'reason="sslvpn_login_permission_denied" msg="SSL user failed to logged in"'
)
_LOGIN = (
    'date=2026-11-22 time=10:00:00 devname="fw-demo" devid="FGVM00TM00000000" '
    'eventtime=1795341600000000000 tz="+0000" logid="0101039424" type="event" subtype="vpn" '
    'level="information" vd="root" logdesc="SSL VPN tunnel up" action="tunnel-up" '
    'tunneltype="ssl-web" tunnelid=1 remip={address} user="{user}" group="staff" dst_host="N/A" '
    'reason="login successfully" msg="SSL tunnel established"'
)


def make_event_line(address: str, user: str) -> str:
    """Return the line that a FortiGate logs when a login to its SSL VPN fails."""
    return _EVENT.format(address=address, user=user)


def make_login_line(address: str, user: str) -> str:
    """Return the line that a FortiGate logs when a login to its SSL VPN succeeds."""
    return _LOGIN.format(address=address, user=user)


class FortiGate:
    """A simulator in its own process, with SSH and a port that controls it."""

    def __init__(self, folder: Path, outlives_us: bool) -> None:
        """``folder`` takes its log and its host key; ``outlives_us``: it keeps running after the demo."""
        self._folder = folder
        self._outlives_us = outlives_us
        self._process: subprocess.Popen[bytes] | None = None
        self.host_key_line = ""
        self.control_port = 0

    def start(self) -> Self:
        """Start it, and return when it listens.

        Raises:
            LabError: it does not start; the text holds its output.
        """
        log, ready = self._folder / "fortigate.log", self._folder / "fortigate.key"
        ready.unlink(missing_ok=True)
        # However the demo ends, its FortiGate ends with it.
        tied = [] if self._outlives_us else ["setpriv", "--pdeathsig", "TERM"]
        flags = {"--port": 0, "--control-port": 0, "--minute": MINUTE, "--hostname": "fw-demo"}
        flags |= {"--password": PASSWORD, "--ready-file": ready}
        argv = [*tied, sys.executable, "-m", "tests.simulator"]
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
        """The address and port of its SSH server."""
        found = re.match(r"\[(.+)\]:(\d+) ", self.host_key_line)
        if found is None:
            raise LabError(f"no address and port in {self.host_key_line!r}")
        return found[1], int(found[2])

    @property
    def running(self) -> Process | None:
        """The process, None if it was not started."""
        return find_process(self._process.pid) if self._process else None

    def stop(self) -> None:
        """Terminate it and wait for its end."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=START_TIMEOUT)

    def _ask(self, path: str, body: str | None = None) -> str:
        status, text = fetch(f"http://127.0.0.1:{self.control_port}{path}", body=body)
        if status != 200:
            raise LabError(f"the simulated FortiGate answered {path} with {status}: {text}")
        return text

    def show(self) -> str:
        """Return its configuration without the `ENC` blobs, which differ at every `show`."""
        return re.sub(r"ENC \S+", "ENC", self._ask("/show"))

    def log_event(self, line: str) -> list[dict[str, Any]]:
        """Have it log a line, which fires its stitch; return the answers to the webhook."""
        deliveries: list[dict[str, Any]] = json.loads(self._ask("/event", line))
        return deliveries

    def poll(self) -> None:
        """Have it fetch the feed now."""
        self._ask("/poll", "")

    def denies(self, address: str) -> bool:
        """Return whether it denies the address, according to the feed that it fetched last."""
        return bool(json.loads(self._ask("/denies?" + urlencode({"address": address})))["denied"])

    def list_changing_lines(self) -> list[str]:
        """Return the lines typed over SSH so far that could have changed it."""
        return [
            line["text"] for line in json.loads(self._ask("/journal"))["lines"] if line["changes"]
        ]
