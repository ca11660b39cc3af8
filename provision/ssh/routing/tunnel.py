"""Reach a target through a channel of the connection to its jump host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paramiko

from provision.errors import UnknownKey, Unreachable
from provision.ssh import causes
from provision.ssh.login import Login
from provision.ssh.packets import Packets, Refusal
from provision.ssh.routing.hops import HopFailed

CHECK = "check ansible_host, ansible_port, and that SSH is let through to it"
# Reasons for which a jump host opens no channel (RFC 4254, section 5.1).
_CONNECT_FAILED, _SHORTAGE = 2, 4

# Returns the connection to the jump host before a target.
TakeHop = Callable[[], paramiko.Transport]


class Tunnel:
    """A channel of a connection that others use as well, as a socket.

    A thread may still be sending when another one, or the server, has ended the channel. sshd gives its
    number to the next one at once, so that nobody but us knows for which of them a packet was meant.
    """

    def __init__(self, channel: paramiko.Channel, packets: Packets) -> None:
        self._channel, self._packets = channel, packets

    def send(self, data: bytes) -> int:
        """Send some of ``data`` and return the number of bytes."""
        with self._packets.speak_on(self._channel.get_id()):
            return self._channel.send(data)

    def recv(self, size: int) -> bytes:
        """Return up to ``size`` bytes; this may send that there is room for more."""
        with self._packets.speak_on(self._channel.get_id()):
            return self._channel.recv(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)


def open_tunnel(login: Login, hop: Login, take_hop: TakeHop) -> Tunnel:
    """Return a channel from ``hop`` to the target of ``login``.

    Raises:
        Unreachable: the text names what failed, and the jump host where it did.
    """
    for _ in range(2):
        transport = _take(login, take_hop)
        packets = _get_packets(transport)
        try:
            return Tunnel(_open_channel(transport, login), packets)
        except (paramiko.SSHException, OSError, EOFError) as error:
            refusal = packets.take_refusal()
            if refusal:
                raise _classify_refusal(login, hop, refusal) from None
            if isinstance(error, paramiko.SSHException) and transport.is_active():
                packets.give_up()
                raise causes.TimedOut(
                    f"{login.where}: {hop.where} has not connected to it within {login.timeout:g} s",
                    CHECK + " from there",
                ) from None
            transport.close()  # it is broken, and may not know yet
    raise HopFailed(
        f"{login.where}: {hop.where} closes the connection when it is asked for one to the target",
        "see the log of its sshd",
    )


def _open_channel(transport: paramiko.Transport, login: Login) -> paramiko.Channel:
    destination = (login.destination, login.port)
    return transport.open_channel(
        "direct-tcpip", destination, ("127.0.0.1", 0), timeout=login.timeout
    )


def _get_packets(transport: paramiko.Transport) -> Packets:
    packets = transport.packetizer
    if not isinstance(packets, Packets):
        raise TypeError("a connection to a jump host is one of ours")
    return packets


def _take(login: Login, take_hop: TakeHop) -> paramiko.Transport:
    try:
        return take_hop()
    except (HopFailed, UnknownKey) as error:
        if login.is_hop:  # the target behind all jump hosts names itself
            raise
        raise type(error)(f"{login.where}: {error.message}", error.remedy) from None


def _classify_refusal(login: Login, hop: Login, refusal: Refusal) -> Unreachable:
    text = causes.clean(refusal.text, login)
    says = f': "{text}"' if text else ""
    if refusal.code == _SHORTAGE:
        return causes.Busy(
            f"{login.where}: {hop.where} opens no more connections (busy){says}",
            "run again later, or lower ssh_hop_limit",
        )
    if refusal.code == _CONNECT_FAILED:
        return Unreachable(
            f"{login.where}: {hop.where} cannot connect to it{says}", CHECK + " from there"
        )
    return causes.RefusedByPolicy(
        f"{login.where}: {hop.where} does not forward connections to it{says}",
        f"check AllowTcpForwarding and PermitOpen there, and the options in authorized_keys of {hop.user}",
    )
