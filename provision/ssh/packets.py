"""Read what a server says during a login, as it passes by.

paramiko logs a server's reason for closing a connection and keeps only the last banner. Its packetizer is
public, so what an operator should know is noted there.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from typing import Any

import paramiko
from paramiko.packet import Packetizer

_DISCONNECT, _KEXINIT = 1, 20
_FAILURE, _SUCCESS, _BANNER, _INFO_REQUEST = 51, 52, 53, 60
_NOTED = {_DISCONNECT, _KEXINIT, _FAILURE, _SUCCESS, _BANNER, _INFO_REQUEST}

# Bytes before a server has named its version, and characters of its words that are kept.
MOST_BEFORE_VERSION = 1 << 16
MOST_BANNERS = 10
MOST_WORDS = 1 << 13
# Bytes of one packet, as in OpenSSH; and prompts in one request, of which even a smart card needs few.
LARGEST = 1 << 18
MOST_PROMPTS = 20
_VERSION = re.compile(rb"^SSH-.*\n", re.M)
_KEXINIT_LISTS = ("key exchanges", "host keys", "ciphers", "ciphers", "MACs", "MACs")


class TooMuch(paramiko.SSHException):
    """The server sends what no login needs; the text says what."""


@dataclass
class Heard:
    """What the server said; ``words`` and ``failed`` are those of the current attempt."""

    method: str = ""
    methods: tuple[str, ...] = ()
    partial: bool = False
    failed: bool = False
    accepted: bool = False
    words: str = ""
    disconnected: bool = False
    wants_new_password: bool = False
    offers: dict[str, str] = field(default_factory=dict)
    _banners: list[str] = field(default_factory=list)

    def begin(self, method: str) -> None:
        """Forget the attempt before."""
        self.method = method
        self.failed = self.partial = False
        if not self.disconnected:
            self.words = ""

    def add(self, words: str) -> None:
        """Keep words of the server, as far as there is room."""
        self.words = f"{self.words}\n{words}".strip()[:MOST_WORDS]

    def _add_banner(self, text: str) -> None:
        """Keep a banner; some servers repeat their legal notice at each attempt."""
        text = text[:MOST_WORDS]
        if text not in self._banners:
            self.add(text)
        if self.method == "none" and len(self._banners) < MOST_BANNERS:
            self._banners.append(text)

    def note(self, kind: int, message: paramiko.Message) -> None:
        """Note one packet."""
        if kind == _DISCONNECT:
            message.get_int()
            self.disconnected = True
            self.add(_text(message))
        elif kind == _KEXINIT and not self.offers:
            message.get_bytes(16)
            for name in _KEXINIT_LISTS:
                self.offers[name] = _text(message)
        elif kind == _FAILURE:
            self.methods = tuple(_text(message).split(","))
            self.partial = message.get_boolean()
            self.failed = True
        elif kind == _SUCCESS:
            self.accepted = True
        elif kind == _BANNER:
            self._add_banner(_text(message))
        elif self.method == "password":  # the same number asks for a new password then
            self.wants_new_password = True
            self.add(_text(message))


def _text(message: paramiko.Message) -> str:
    return message.get_string().decode("utf-8", "replace")


class Packets(Packetizer):
    """paramiko's packetizer, which notes what a server says about logins."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.heard = Heard()

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Return the next ``n`` bytes.

        Raises:
            TooMuch: no packet may have so many. A server names the length of a packet even before its
                host key is checked.
        """
        if n > LARGEST:
            raise TooMuch("it sent a packet of more than 256 KiB")
        return super().read_all(n, check_rekey)

    def read_message(self) -> tuple[int, paramiko.Message]:
        """Return the next message, noted.

        Raises:
            TooMuch: it prompts for more than anybody would answer, or after the login.
        """
        kind, message = super().read_message()
        if kind == _INFO_REQUEST:
            self._check_prompts(paramiko.Message(message.asbytes()))
        if kind in _NOTED and not self.heard.accepted:
            self.heard.note(kind, paramiko.Message(message.asbytes()))
        return kind, message

    def _check_prompts(self, request: paramiko.Message) -> None:
        if self.heard.accepted:
            raise TooMuch("it sent prompts after the login")
        for _ in ("name", "instruction", "language"):
            request.get_string()
        if request.get_int() > MOST_PROMPTS and self.heard.method == "keyboard-interactive":
            raise TooMuch(f"it sent more than {MOST_PROMPTS} prompts at once")


class Wire:
    """A socket that remembers its first bytes, and ends a stream that never names a version."""

    def __init__(self, sock: socket.socket) -> None:
        self.first = b""
        self.has_version = False
        self._sock = sock

    def recv(self, size: int) -> bytes:
        """Return what arrives.

        Raises:
            OSError: too much arrived without a version.
        """
        data = self._sock.recv(size)
        if not self.has_version:
            self.first += data
            self.has_version = bool(_VERSION.search(self.first))
            if len(self.first) >= MOST_BEFORE_VERSION and not self.has_version:
                raise ConnectionAbortedError("no SSH version in all that the server sent")
        return data

    @property
    def first_line(self) -> bytes:
        """Return what came first, up to the end of its line."""
        return self.first.lstrip(b"\r\n").partition(b"\n")[0][:1024]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)
