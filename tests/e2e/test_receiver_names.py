"""A FortiGate that is known by name, on the real web server, while the resolver does not answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bench.load import post
from tests.e2e.labsite import LabSite, fortigate_options

pytestmark = pytest.mark.lab

LINE = b'logid="0101039426" remip=45.1.2.3 user="x" msg="SSL user failed to logged in"'
SILENT = "127.0.0.99"
# Seconds; a look-up that is waited for takes 20 s and more, and gunicorn ends a worker after 30.
PATIENCE = 10


@pytest.fixture
def named(tmp_path: Path, ready_root: Path) -> Iterator[LabSite]:
    """A site whose receiver knows a FortiGate by a name that no resolver can tell."""
    settings = "receiver_tls: off"
    with LabSite(
        tmp_path / "inventory", ready_root, [fortigate_options()], settings=settings
    ) as site:
        done = site.run("apply", "-y")
        assert done.code == 0, done.out + done.err
        path = "/opt/banstitch/receiver/config.py"
        text = site.host.read(path)
        for key in ("allow", "hosts"):
            text = text.replace(f"'{key}': [", f"'{key}': ['fortigate.example.net', ")
        assert text.count("fortigate.example.net") == 2
        site.host.write(path, text)
        site.host.console("rm -f /etc/resolv.conf", check=True)
        site.host.console(f"echo nameserver {SILENT} > /etc/resolv.conf", check=True)
        yield site


def test_a_resolver_that_does_not_answer_costs_no_request(named: LabSite) -> None:
    token = json.loads(named.host.read("/etc/banstitch/tokens.json"))["webhook:fgt1"]
    request = post("/receive-logs", LINE, X_Banstitch_Token=token)
    with ExitStack() as stack:
        resolver = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        resolver.bind((SILENT, 53))
        named.host.console("systemctl stop banstitch-receiver.service", check=True)
        waiting = [
            stack.enter_context(socket.create_connection((named.host.address, 5000)))
            for _ in range(50)
        ]
        for client in waiting:
            client.settimeout(PATIENCE)
            client.sendall(request)
        named.host.console("systemctl start banstitch-receiver.service", check=True)
        answers = [client.recv(65536).split(b"\r\n")[0] for client in waiting]
        asked = resolver.recv(65536)
    assert answers == [b"HTTP/1.1 200 OK"] * 50
    assert b"fortigate" in asked
