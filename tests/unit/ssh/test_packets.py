"""What goes over a connection that several threads use."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import paramiko
import pytest
from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_OPEN_SUCCESS,
)
from paramiko.packet import Packetizer

from provision.ssh.packets import Packets, Wire


@dataclass
class Line:
    """Both ends of a connection without encryption: ours, and that of a server."""

    ours: Packets
    theirs: Packetizer

    def send(self, kind: int, *numbers: int) -> None:
        self.ours.send_message(build(kind, *numbers))

    def receive(self) -> tuple[int, int]:
        """Return the type and the channel of the next packet at the server."""
        kind, message = self.theirs.read_message()
        return kind, message.get_int()


def build(kind: int, *numbers: int) -> paramiko.Message:
    message = paramiko.Message()
    message.add_byte(bytes([kind]))
    for number in numbers:
        message.add_int(number)
    return message


@pytest.fixture
def line() -> Iterator[Line]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Line(Packets(ours), Packetizer(theirs))


def test_nothing_is_sent_on_a_channel_after_its_end(line: Line) -> None:
    line.send(MSG_CHANNEL_CLOSE, 7)
    for kind in (MSG_CHANNEL_DATA, MSG_CHANNEL_EOF, MSG_CHANNEL_CLOSE):
        line.send(kind, 7)
    line.send(MSG_CHANNEL_DATA, 8)
    assert line.receive() == (MSG_CHANNEL_CLOSE, 7)
    assert line.receive() == (MSG_CHANNEL_DATA, 8)


def test_a_number_that_the_server_gives_to_another_channel_can_be_used_again(line: Line) -> None:
    line.send(MSG_CHANNEL_CLOSE, 7)
    line.theirs.send_message(build(MSG_CHANNEL_OPEN_SUCCESS, 3, 7, 0, 0))
    line.ours.read_message()
    line.send(MSG_CHANNEL_DATA, 7)
    assert line.receive() == (MSG_CHANNEL_CLOSE, 7)
    assert line.receive() == (MSG_CHANNEL_DATA, 7)


class BreakingChannel(socket.socket):
    """A channel of a jump host whose connection breaks while it is closed."""

    def close(self) -> None:
        super().close()
        raise EOFError


def test_a_connection_whose_jump_host_breaks_can_be_closed() -> None:
    channel = BreakingChannel()
    Wire(channel).close()
    assert channel.fileno() == -1
