"""Targets that are reached through a command."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from provision.errors import Unreachable
from provision.ssh.connection import Access, connect
from provision.ssh.login import Login
from provision.ssh.routing.routes import expand_command
from tests.unit.ssh.logins import RIGHT
from tests.unit.ssh.ssh_server import Rules, ssh_server
from tests.unit.ssh.transports import Enter, both_transports

# Joins its standard input and output to a TCP port, as `nc` does.
BRIDGE = """
import os, socket, sys, threading
server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def back():
    try:
        while data := server.recv(65536):
            os.write(1, data)
    finally:
        os._exit(0)
threading.Thread(target=back, daemon=True).start()
while data := os.read(0, 65536):
    server.sendall(data)
"""


@pytest.fixture
def bridge(tmp_path: Path) -> str:
    """Return the ProxyCommand."""
    program = tmp_path / "bridge.py"
    program.write_text(BRIDGE)
    return f"{shlex.quote(sys.executable)} {program} %h %p"


@both_transports
def test_a_command_connects_to_the_target(enter: Enter, access: Access, bridge: str) -> None:
    with ssh_server(Rules()) as (port, seen):
        enter(Login("b", "127.0.0.1", "joe", port, RIGHT, proxy_command=bridge), access)
    assert seen.attempts == [("password", RIGHT)]


def test_a_command_runs_again_when_the_server_drops_a_burst(access: Access, bridge: str) -> None:
    with ssh_server(Rules(busy=1)) as (port, seen):
        connect(Login("b", "127.0.0.1", "joe", port, RIGHT, proxy_command=bridge), access).close()
    assert seen.connections == 2


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("echo no way to secret-word >&2; exit 7", 'ended with status 7: "no way to secret-word"'),
        ("exit 3", "ended with status 3"),
        ("/nowhere/program secret-word", "ended with status 127"),
    ],
)
def test_a_command_that_fails_is_explained_in_its_own_words(
    access: Access, command: str, told: str
) -> None:
    login = Login("b", "127.0.0.1", "joe", 22, proxy_command=f"sh -c '{command}'")
    with pytest.raises(Unreachable) as caught:
        connect(login, access)
    assert f"b (joe@127.0.0.1:22): its ProxyCommand {told}" in caught.value.message


def test_no_message_and_no_repr_quotes_a_command(access: Access) -> None:
    login = Login("b", "127.0.0.1", "joe", 22, proxy_command="exit 1 # secret-word", timeout=0.3)
    with pytest.raises(Unreachable) as caught:
        connect(login, access)
    assert "secret-word" not in str(caught.value) + repr(login)


def test_a_command_that_says_nothing_ends_at_the_time_limit(access: Access, tmp_path: Path) -> None:
    command = f"sh -c 'echo $$ >{tmp_path}/pid; exec cat >/dev/null'"
    login = Login("b", "127.0.0.1", "joe", 22, proxy_command=command, timeout=0.5)
    with pytest.raises(Unreachable, match=r"no SSH banner within 0\.5 s"):
        connect(login, access)
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


def test_tokens_have_the_values_of_the_target() -> None:
    login = Login("b", "alias", "joe", 2222, hostname="192.0.2.1", proxy_command="%h %n %p %r 5%%")
    assert expand_command(login) == "192.0.2.1 alias 2222 joe 5%"


@pytest.mark.parametrize("address", ["a;b", "$(id)", "-oProxyCommand=x", "a|b", "a&b", "a`b`"])
def test_an_address_that_a_shell_would_interpret_is_refused(access: Access, address: str) -> None:
    with pytest.raises(Unreachable, match="its ProxyCommand cannot be run: the value of %h"):
        connect(Login("b", address, "joe", proxy_command="nc %h %p"), access)
