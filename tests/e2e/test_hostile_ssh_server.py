"""A ban host whose SSH server breaks the protocol, floods or never ends."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from provision.linux.session import session
from tests.e2e.fake_ban_host import (
    MARK,
    Reply,
)
from tests.e2e.hostile_hosts import World

KEXINIT = b"\x00\x00\x01\x00\x04\x14" + bytes(16)
NO_SSH = {
    "nothing": b"",
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200,
    "an old version": b"SSH-1.5-x\r\n",
    "no version": b"SSH-\xff\xfe\r\n",
    "a line without end": b"\xff" * 300_000,
    "noise": b"SSH-2.0-x\r\n" + bytes(range(256)) * 50,
    "a packet without end": b"SSH-2.0-x\r\n\xff\xff\xff\xff" + bytes(1000),
    "a message of no kind": b"SSH-2.0-x\r\n\x00\x00\x00\x0c\x04\xff" + bytes(100),
    "lists that are none": b"SSH-2.0-x\r\n" + KEXINIT + b"\x00\x00\x00\x02\xff\xfe" * 60,
    "escapes": b"SSH-2.0-x \x1b]0;OWNED\x07\r\n" + KEXINIT + bytes(500),
}


def talk(server: socket.socket, text: bytes) -> None:
    """Send the same to whoever connects, until the server is closed."""
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            with client, contextlib.suppress(OSError):
                client.sendall(text)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    continue


@pytest.mark.parametrize("case", NO_SSH)
def test_a_server_that_breaks_the_ssh_protocol_counts_as_unreachable(
    world: World, case: str
) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    world.evil.port = server.getsockname()[1]
    thread = threading.Thread(target=talk, args=(server, NO_SSH[case]))
    thread.start()
    try:
        said = world.run("bans", "--json", "-vvv")
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
    assert said.code == 4
    assert said.target("evil1")["state"] == "unreachable"
    assert said.target("good1")["state"] == "ok"
    assert not [c for c in said.out + said.err if not c.isprintable() and c not in "\n\t"]
    for text in ("error in Banstitch", "Traceback"):
        assert text not in said.out + said.err


ENDLESS: dict[str, Callable[[], Reply]] = {
    "standard output": lambda: Reply(itertools.repeat(b"x" * 30_000)),
    "an answer": lambda: Reply(itertools.chain([MARK], itertools.repeat(b"x" * 30_000))),
    "standard error": lambda: Reply(b"", itertools.repeat(b"x" * 30_000)),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_endless_output_is_cut_off_at_the_size_limit(world: World, case: str) -> None:
    world.evil.reply = lambda _: ENDLESS[case]()
    said = world.run("unban 203.0.113.9", "--json")
    limit = "1048576 bytes must be" if case == "an answer" else "must have at most"
    assert limit in said.target("evil1")["error"]
    assert said.target("good1")["state"] == "changed"


def drip() -> Iterator[bytes]:
    """Come to no end, and never be silent for long."""
    while True:
        yield b"x"


@pytest.mark.parametrize(
    "reply",
    [Reply(status=None), Reply(b"x", status=None), Reply(MARK, status=None), Reply(drip())],
    ids=["silent", "a byte", "a mark", "a byte at a time"],
)
def test_a_host_that_never_finishes_is_abandoned_at_the_deadline(
    world: World, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    monkeypatch.setattr(session, "LOOKING", 1.0)
    world.evil.reply = lambda _: reply
    said = world.run("bans", "--json")
    assert "did not finish within 1 s" in said.target("evil1")["error"]
    assert said.target("good1")["state"] == "ok"
