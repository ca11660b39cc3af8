"""A deployed receiver, and requests to it from its firewalls or from somebody else."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.labsite import LabSite
from tests.lab.debian import DebianHost


class Webhook:
    """A deployed site, and requests to it from any of its firewalls, or from somebody else."""

    def __init__(self, site: LabSite) -> None:
        self.site, self.host = site, site.host
        self.tokens = json.loads(site.host.read("/etc/banstitch/tokens.json"))

    def connect(self, source: str) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(
            self.host.address, 5000, timeout=60, source_address=(source, 0)
        )

    def raw(self) -> socket.socket:
        """Connect from the first firewall, and send nothing yet."""
        source = (self.site.units[0].address, 0)
        return socket.create_connection((self.host.address, 5000), 60, source)

    def post(
        self, body: str | bytes, unit: int = 1, source: str = "", token: str = "", kind: str = ""
    ) -> tuple[int, str]:
        """Post from the firewall's own address by default; return status and text. ``kind``: of content."""
        connection = self.connect(source or self.site.units[unit - 1].address)
        sent = {"X-Banstitch-Token": token or self.tokens[f"webhook:fgt{unit}"]}
        sent |= {"Content-Type": kind} if kind else {}
        raw = body.encode() if isinstance(body, str) else body
        connection.request("POST", "/receive-logs", raw, sent)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def get(self, path: str, user: str, secret: str, **headers: str) -> http.client.HTTPResponse:
        """Return the answer, of which nothing is read yet."""
        login = base64.b64encode(f"{user}:{secret}".encode()).decode()
        connection = self.connect(self.site.units[0].address)
        connection.request("GET", path, headers={"Authorization": f"Basic {login}", **headers})
        return connection.getresponse()

    def written(self) -> list[str]:
        """Return detection and address of each line for fail2ban."""
        lines = self.host.read("/var/log/banstitch/events.log").splitlines()
        return [" ".join(line.split(" ")[2:5:2]) for line in lines]

    def metric(self, name: str) -> int:
        """Return a number of /metrics, by its name and labels."""
        shown = self.get("/metrics", "status", self.tokens["status"]).read().decode()
        (line,) = (line for line in shown.splitlines() if line.startswith(name))
        return int(line.rpartition(" ")[2])


def begin_large_post(token: str) -> bytes:
    """Return the beginning of a post that announces 100 MB."""
    lines = ("POST /receive-logs HTTP/1.1", "Host: x", "Content-Length: 104857600")
    return "\r\n".join([*lines, f"X-Banstitch-Token: {token}", "", "logid="]).encode()


def measure_memory(webhook: Webhook) -> float:
    """Return the MiB of all processes of the receiver; shared memory counts once."""
    folder = "/sys/fs/cgroup/system.slice/banstitch-receiver.service"
    script = f"for p in $(cat {folder}/cgroup.procs); do grep ^Pss: /proc/$p/smaps_rollup; done"
    rows = webhook.host.console(script, check=True).stdout.splitlines()
    return sum(int(row.split()[1]) for row in rows) / 1024


@contextmanager
def limit_time(host: DebianHost, ask: int, end: int) -> Iterator[None]:
    """Give clients this many seconds for a request, and for a whole exchange."""
    change = f"sed -i 's/^TO_ASK = .*/TO_ASK = {ask}/; s/^TO_END = .*/TO_END = {end}/' worker.py"
    restart = "systemctl restart banstitch-receiver"
    prepare = f"cd /opt/banstitch/receiver && cp -p worker.py /run && {change} && {restart}"
    host.console(prepare, check=True)
    try:
        assert f"\nTO_ASK = {ask}\n" in host.read("/opt/banstitch/receiver/worker.py")
        assert f"\nTO_END = {end}\n" in host.read("/opt/banstitch/receiver/worker.py")
        yield
    finally:
        back = "mv /run/worker.py /opt/banstitch/receiver/worker.py"
        host.console(f"{back} && {restart}", check=True)
