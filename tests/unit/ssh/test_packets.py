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
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_OPEN_SUCCESS,
    MSG_IGNORE,
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

    def ask(self, ours: int) -> None:
        """Ask the server for a channel with this number of ours."""
        message = paramiko.Message()
        message.add_byte(bytes([MSG_CHANNEL_OPEN]))
        message.add_string("direct-tcpip")
        message.add_int(ours)
        self.ours.send_message(message)

    def confirm(self, ours: int, theirs: int) -> int:
        """Let the server open the channel; return the type of the packet that paramiko gets to see."""
        self.theirs.send_message(build(MSG_CHANNEL_OPEN_SUCCESS, ours, theirs, 0, 0))
        return self.ours.read_message()[0]

    def open(self, ours: int, theirs: int) -> None:
        self.ask(ours)
        assert self.confirm(ours, theirs) == MSG_CHANNEL_OPEN_SUCCESS

    def receive(self) -> tuple[int, int]:
        """Return the type and the channel of the next packet of a channel at the server."""
        while (packet := self.theirs.read_message())[0] == MSG_CHANNEL_OPEN:
            pass
        kind, message = packet
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
    line.open(3, theirs=7)
    line.open(4, theirs=8)
    line.send(MSG_CHANNEL_CLOSE, 7)
    for kind in (MSG_CHANNEL_DATA, MSG_CHANNEL_EOF, MSG_CHANNEL_CLOSE):
        line.send(kind, 7)
    line.send(MSG_CHANNEL_DATA, 8)
    assert line.receive() == (MSG_CHANNEL_CLOSE, 7)
    assert line.receive() == (MSG_CHANNEL_DATA, 8)


def test_a_number_that_the_server_gives_to_another_channel_can_be_used_again(line: Line) -> None:
    line.open(3, theirs=7)
    line.send(MSG_CHANNEL_CLOSE, 7)
    line.open(4, theirs=7)
    line.send(MSG_CHANNEL_DATA, 7)
    assert line.receive() == (MSG_CHANNEL_CLOSE, 7)
    assert line.receive() == (MSG_CHANNEL_DATA, 7)


def test_what_was_meant_for_a_channel_that_ended_is_not_sent_on_the_next_of_its_number(
    line: Line,
) -> None:
    line.open(3, theirs=7)
    line.send(MSG_CHANNEL_CLOSE, 7)
    line.open(4, theirs=7)
    with line.ours.speak_on(3):
        for kind in (MSG_CHANNEL_DATA, MSG_CHANNEL_EOF, MSG_CHANNEL_CLOSE):
            line.send(kind, 7)
    with line.ours.speak_on(4):
        line.send(MSG_CHANNEL_DATA, 7)
    assert line.receive() == (MSG_CHANNEL_CLOSE, 7)
    assert line.receive() == (MSG_CHANNEL_DATA, 7)


def test_a_channel_that_nobody_waits_for_any_longer_is_not_opened(line: Line) -> None:
    line.ask(3)
    line.ours.give_up()
    assert line.confirm(3, theirs=7) == MSG_IGNORE
    assert line.confirm(99, theirs=8) == MSG_IGNORE
    line.open(4, theirs=9)


def test_a_busy_connection_does_not_stop_for_new_keys(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Packetizer, "REKEY_PACKETS", 10)
    line.open(3, theirs=7)
    for _ in range(20):
        line.send(MSG_CHANNEL_DATA, 7)
        line.receive()
    assert line.theirs.need_rekey()  # of paramiko's own
    assert not line.ours.need_rekey()


class BreakingChannel(socket.socket):
    """A channel of a jump host whose connection breaks while it is closed."""

    def close(self) -> None:
        super().close()
        raise EOFError


def test_a_connection_whose_jump_host_breaks_can_be_closed() -> None:
    channel = BreakingChannel()
    Wire(channel).close()
    assert channel.fileno() == -1
