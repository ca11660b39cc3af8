"""Who has a port: asked of the kernel, with sockets that really listen."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.linux.agent import ports

UNIT = "banstitch-receiver.socket"


@pytest.fixture
def port() -> Iterator[int]:
    """A port of 127.0.0.9 at which this process listens."""
    with socket.create_server(("127.0.0.9", 0)) as server:
        yield server.getsockname()[1]


def test_a_free_port_is_nobodys(port: int) -> None:
    assert ports.find_program(f"127.0.0.8:{port}", UNIT, []) == ""


@pytest.mark.parametrize("address", ["127.0.0.9", "0.0.0.0", "[::]"])
def test_the_program_that_listens_where_ours_would_is_named(address: str, port: int) -> None:
    name = Path("/proc/self/comm").read_text().strip()
    said = ports.find_program(f"{address}:{port}", UNIT, [])
    assert said.startswith(f"{name} (process {os.getpid()}")


def test_no_name_of_a_program_makes_a_line_of_its_own() -> None:
    listens = (
        "import socket, sys; open('/proc/self/comm', 'w').write('x\\nok: \\x1b[2J');"
        "server = socket.create_server(('127.0.0.7', 0));"
        "print(server.getsockname()[1], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", listens], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        said = ports.find_program(f"127.0.0.7:{program.stdout.readline().strip()}", UNIT, [])
        program.communicate()
    assert said.startswith(f"x?ok: ?[2J (process {program.pid}")


@pytest.mark.parametrize("address", ["127.0.0.9", "0.0.0.0", "[::]"])
def test_a_wildcard_of_ipv6_is_in_the_way_of_all(address: str) -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        said = ports.find_program(f"{address}:{server.getsockname()[1]}", UNIT, [])
    assert str(os.getpid()) in said


def test_a_client_that_has_the_port_is_named() -> None:
    with (
        socket.create_server(("127.0.0.9", 0)) as server,
        socket.create_connection(server.getsockname(), source_address=("127.0.0.7", 0)) as client,
    ):
        said = ports.find_program(f"127.0.0.7:{client.getsockname()[1]}", UNIT, [])
    assert str(os.getpid()) in said


def test_where_the_socket_listens_itself_is_no_obstacle(port: int) -> None:
    own = [f"127.0.0.9:{port}"]
    assert ports.find_program(f"127.0.0.9:{port}", UNIT, own) == ""
    # it moves to all addresses, and gives up the one that it has
    assert ports.find_program(f"0.0.0.0:{port}", UNIT, own) == ""
    with socket.create_server(("127.0.0.8", port)):
        assert str(os.getpid()) in ports.find_program(f"0.0.0.0:{port}", UNIT, own)
