"""An interactive session with a simulator."""

from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

from tests.simulator import Simulator


@contextmanager
def open_shell(fortigate: Simulator, rows: int = 1000) -> Iterator[paramiko.Channel]:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        fortigate.address,
        fortigate.port,
        "admin",
        "fortinet",
        look_for_keys=False,
        allow_agent=False,
    )
    channel = client.invoke_shell("vt100", 511, rows)
    channel.settimeout(60)
    try:
        yield channel
    finally:
        client.close()


def read_until(channel: paramiko.Channel, end: bytes) -> bytes:
    seen = b""
    while not seen.endswith(end):
        data = channel.recv(65536)
        assert data, f"the session ended after {seen!r}"
        seen += data
    return seen
