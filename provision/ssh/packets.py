"""Note what a server sends during a login, as the packets pass by.

paramiko only logs a server's reason for closing a connection, and keeps only the last banner. Its
packetizer is public, so whatever an operator should know is noted there.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import paramiko
from paramiko.packet import Packetizer

_DISCONNECT, _IGNORE, _KEXINIT = 1, 2, 20
_FAILURE, _SUCCESS, _BANNER, _INFO_REQUEST = 51, 52, 53, 60
_CHANNEL_OPEN, _CHANNEL_OPEN_CONFIRMATION, _CHANNEL_OPEN_FAILURE = 90, 91, 92
_ANSWERS = {_CHANNEL_OPEN_CONFIRMATION, _CHANNEL_OPEN_FAILURE}
# All messages of an open channel begin with the number that the other side gave it (RFC 4254, section 9).
_OF_A_CHANNEL, _CHANNEL_CLOSE = range(93, 101), 97
_NOTED = {_DISCONNECT, _KEXINIT, _FAILURE, _SUCCESS, _BANNER, _INFO_REQUEST}

# Bytes that a server may send before its version; banners and characters of its messages that are kept.
MOST_BEFORE_VERSION = 1 << 16
MOST_BANNERS = 10
MOST_CHARACTERS = 1 << 13
# Bytes of one packet, as in OpenSSH; prompts in one request, of which even a smart card needs few.
LARGEST = 1 << 18
MOST_PROMPTS = 20
_VERSION = re.compile(rb"^SSH-.*\n", re.M)
_KEXINIT_LISTS = ("key exchanges", "host keys", "ciphers", "ciphers", "MACs", "MACs")


class TooMuch(paramiko.SSHException):
    """The server sends more than any login needs; the text says what."""


@dataclass
class LoginState:
    """The state of a login, as the server's packets give it.

    ``method``, ``failed``, ``partial`` and ``message`` belong to the current attempt. ``methods`` are those
    that the server accepts next, ``offers`` its algorithms by kind, separated by commas.
    """

    method: str = ""
    methods: tuple[str, ...] = ()
    partial: bool = False
    failed: bool = False
    accepted: bool = False
    message: str = ""
    disconnected: bool = False
    wants_new_password: bool = False
    offers: dict[str, str] = field(default_factory=dict)
    _banners: list[str] = field(default_factory=list)

    def begin(self, method: str) -> None:
        """Begin an attempt with ``method``."""
        self.method = method
        self.failed = self.partial = False
        if not self.disconnected:
            self.message = ""

    def add(self, text: str) -> None:
        """Add text from the server to the message, as far as there is room."""
        self.message = f"{self.message}\n{text}".strip()[:MOST_CHARACTERS]

    def _add_banner(self, text: str) -> None:
        # some servers repeat their legal notice at each attempt
        text = text[:MOST_CHARACTERS]
        if text not in self._banners:
            self.add(text)
        if self.method == "none" and len(self._banners) < MOST_BANNERS:
            self._banners.append(text)

    def note(self, kind: int, message: paramiko.Message) -> None:
        """Note one packet of type ``kind`` (RFC 4250, section 4.1.2)."""
        if kind == _DISCONNECT:
            message.get_int()
            self.disconnected = True
            self.add(_read_text(message))
        elif kind == _KEXINIT and not self.offers:
            message.get_bytes(16)
            for name in _KEXINIT_LISTS:
                self.offers[name] = _read_text(message)
        elif kind == _FAILURE:
            self.methods = tuple(_read_text(message).split(","))
            self.partial = message.get_boolean()
            self.failed = True
        elif kind == _SUCCESS:
            self.accepted = True
        elif kind == _BANNER:
            self._add_banner(_read_text(message))
        elif self.method == "password":  # packet 60 asks for a new password during this method
            self.wants_new_password = True
            self.add(_read_text(message))


@dataclass(frozen=True)
class Refusal:
    """Why a channel was refused (RFC 4254, section 5.1)."""

    code: int
    text: str


def _read_text(message: paramiko.Message) -> str:
    return message.get_string().decode("utf-8", "replace")


class _OfThread(threading.local):
    """The channels that the current thread opens and may send on, by our own numbers of them.

    ``opening``: the one that it has tried to open last. ``speaking``: the only one that it may send on; None
    if it may send on all.
    """

    opening = -1
    speaking: int | None = None


class Packets(Packetizer):
    """A packetizer of paramiko's that notes what a server sends during a login.

    It also notes why a channel was refused: paramiko keeps only the last reason of all channels. And it drops
    what comes after the end of a channel. paramiko may send that if one thread writes while another closes.
    sshd then ends the whole connection: to a jump host, that of all targets behind it. Or it has given the
    number to another channel meanwhile, and the packet would go to the target of that one.
    """

    # paramiko does not answer while it waits for new keys that it has asked for itself, and gives up if the
    # server closes a channel meanwhile. So only servers ask, up to what RFC 4344 (3.2) permits with AES.
    REKEY_BYTES, REKEY_PACKETS = 1 << 35, 1 << 31

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.state = LoginState()
        self._thread = _OfThread()
        self._asked: set[int] = set()
        self._refusals: dict[int, Refusal] = {}
        # our own number of each open channel, by the number that the server gave it
        self._open: dict[int, int] = {}
        self._in_order = threading.Lock()

    def send_message(self, data: paramiko.Message) -> None:
        """Send a packet, unless its channel has ended; note which channel this thread is opening."""
        kind = data.packet.getbuffer()[0]
        if kind in _OF_A_CHANNEL:
            self._send_of_channel(kind, data)
            return
        if kind == _CHANNEL_OPEN:
            message = paramiko.Message(data.asbytes()[1:])
            message.get_string()
            self._thread.opening = message.get_int()
            self._asked.add(self._thread.opening)
        super().send_message(data)

    def _send_of_channel(self, kind: int, data: paramiko.Message) -> None:
        number = int.from_bytes(data.packet.getbuffer()[1:5], "big")
        with self._in_order:
            channel = self._open.get(number)
            if channel is None or self._thread.speaking not in (None, channel):
                return
            if kind == _CHANNEL_CLOSE:
                del self._open[number]
            super().send_message(data)

    @contextlib.contextmanager
    def speak_on(self, channel: int) -> Iterator[None]:
        """Let this thread send on one channel only, by our own number of it."""
        self._thread.speaking = channel
        try:
            yield
        finally:
            self._thread.speaking = None

    def take_refusal(self) -> Refusal | None:
        """Return why the channel was refused that this thread has tried to open last."""
        return self._refusals.pop(self._thread.opening, None)

    def give_up(self) -> None:
        """Ignore the channel that this thread has tried to open last, if the server opens it after all."""
        self._asked.discard(self._thread.opening)

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Return the next ``n`` bytes.

        Raises:
            TooMuch: no packet may have so many. A server gives the length of a packet even before its
                host key is checked.
        """
        if n > LARGEST:
            raise TooMuch("it sent a packet of more than 256 KiB")
        return super().read_all(n, check_rekey)

    def read_message(self) -> tuple[int, paramiko.Message]:
        """Return the type and the content of the next packet, and note it.

        Raises:
            TooMuch: the server sends more prompts than anybody would answer, or prompts after the login.
        """
        kind, message = super().read_message()
        if kind == _INFO_REQUEST:
            self._check_prompts(paramiko.Message(message.asbytes()))
        if kind in _ANSWERS and not self._note_answer(kind, paramiko.Message(message.asbytes())):
            return _IGNORE, message
        if kind in _NOTED and not self.state.accepted:
            self.state.note(kind, paramiko.Message(message.asbytes()))
        return kind, message

    def _note_answer(self, kind: int, answer: paramiko.Message) -> bool:
        """Note whether a channel was opened; return whether anybody waits for that."""
        channel = answer.get_int()
        if channel not in self._asked:
            return False
        self._asked.discard(channel)
        number_or_code = answer.get_int()
        if kind == _CHANNEL_OPEN_CONFIRMATION:
            self._open[number_or_code] = channel
        else:
            text = _read_text(answer)[:MOST_CHARACTERS]
            self._refusals[channel] = Refusal(number_or_code, text)
        return True

    def _check_prompts(self, request: paramiko.Message) -> None:
        if self.state.accepted:
            raise TooMuch("it sent prompts after the login")
        for _ in ("name", "instruction", "language"):
            request.get_string()
        if request.get_int() > MOST_PROMPTS and self.state.method == "keyboard-interactive":
            raise TooMuch(f"it sent more than {MOST_PROMPTS} prompts at once")


class Wire:
    """A socket that keeps its first bytes, and ends a stream that never gives an SSH version."""

    def __init__(self, sock: socket.socket) -> None:
        self.first = b""
        self.has_version = False
        self._sock = sock

    def recv(self, size: int) -> bytes:
        """Return up to ``size`` bytes from the server.

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

    def close(self) -> None:
        """Close the connection; if that to a jump host below it is breaking, it is closed already."""
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self._sock.close()

    @property
    def first_line(self) -> bytes:
        """The first line that the server sent, at most 1024 bytes of it."""
        return self.first.lstrip(b"\r\n").partition(b"\n")[0][:1024]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)
