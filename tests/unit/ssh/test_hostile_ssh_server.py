"""An SSH server that sends more than a login needs can neither block a run nor exhaust its memory."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import paramiko
import pytest
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL
from paramiko.server import InteractiveQuery

from provision.errors import Unreachable
from provision.ssh.connection import Access, Connection, connect
from provision.ssh.login import Login
from tests.unit.ssh.ssh_server import HOST_KEY, TypedCodes, listening

MANY = 0xFFFFFFFF
PIECE = bytes(1 << 16)


class _Prompting(paramiko.ServerInterface):
    """Prompts for ``number`` things at the login, and once more after it."""

    def __init__(self, transport: paramiko.Transport, number: int) -> None:
        self.answers: list[str] = []
        self._transport = transport
        self._number = number

    def get_allowed_auths(self, username: str) -> str:
        return "keyboard-interactive"

    def check_auth_none(self, username: str) -> int:
        return AUTH_FAILED

    def check_auth_interactive(self, username: str, submethods: str) -> Any:
        if self._number == 1:
            return InteractiveQuery("", "", ("Token code: ", False))
        self.prompt()
        threading.Event().wait(2)
        return AUTH_FAILED

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        self.answers += responses
        return AUTH_SUCCESSFUL

    def prompt(self) -> None:
        """Ask for ``number`` things; the packet holds the first one only."""
        message = paramiko.Message()
        message.add_byte(bytes([60]))
        for text in ("", "", ""):
            message.add_string(text)
        message.add_int(self._number)
        message.add_string("Token code: ")
        message.add_boolean(False)
        self._transport.packetizer.send_message(message)


@contextlib.contextmanager
def prompting(number: int) -> Iterator[tuple[int, list[_Prompting]]]:
    """Run a server that prompts; yields its port and what it has of each connection."""
    doors: list[_Prompting] = []

    def serve(connection: socket.socket, over: threading.Event) -> None:
        transport = paramiko.Transport(connection)
        transport.add_server_key(HOST_KEY)
        doors.append(_Prompting(transport, number))
        transport.start_server(event=threading.Event(), server=doors[-1])
        over.wait(30)
        transport.close()

    with listening(serve) as port:
        yield port, doors


def login(port: int) -> Login:
    return Login("fw1", "127.0.0.1", "joe", port, password="right-password", timeout=5)


def test_a_packet_of_gigabytes_is_refused_before_it_arrives(access: Access) -> None:
    sent: list[int] = []

    def serve(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"SSH-2.0-Large\r\n" + struct.pack(">IB", 0x7FFFFFF4, 4))
        for _ in range(1 << 12):
            sent.append(connection.send(PIECE))

    with listening(serve) as port, pytest.raises(Unreachable, match="more than 256 KiB"):
        connect(login(port), access)
    assert sum(sent) < 1 << 26


def test_four_billion_prompts_are_refused(access: Access) -> None:
    with prompting(MANY) as (port, doors):
        with pytest.raises(Unreachable, match="more than 20 prompts"):
            connect(login(port), access)
        assert doors[0].answers == []


def test_nobody_is_asked_for_a_code_after_the_login(access: Access) -> None:
    access.codes = codes = TypedCodes("123456")
    with prompting(1) as (port, doors):
        connection = connect(login(port), access)
        doors[0].prompt()
        wait_until_closed(connection)
        assert doors[0].answers == ["123456"]
    assert len(codes.prompts) == 1


def wait_until_closed(connection: Connection) -> None:
    transport = connection.get_transport()
    transport.join(10)
    assert not connection.is_open()
