"""A peer that was taken over answers with anything: nothing of it is kept."""

from __future__ import annotations

import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.share.peers_world import JAIL, Authority, describe_peer, module, read_taken

# The same in each process of a run, because it is part of the names of tests.
LATER = 4_000_000_000


def bans(*lines: str, end: int | None = None) -> str:
    count = len(lines) if end is None else end
    return "# banstitch share 1\n" + "".join(f"{each}\n" for each in lines) + f"end {count}\n"


def ban(address: str, until: object = LATER, since: object = 1700000000) -> str:
    return f"{address} {until} {since} {JAIL}"


def respond(body: bytes, head: str = "") -> Callable[[ssl.SSLSocket], None]:
    def send(client: ssl.SSLSocket) -> None:
        lines = f"HTTP/1.1 200 OK\r\n{head or f'Content-Length: {len(body)}'}\r\n\r\n"
        client.sendall(lines.encode() + body)

    return send


@contextmanager
def peer_that(authority: Authority, answer: Callable[[ssl.SSLSocket], None]) -> Iterator[int]:
    """Run a peer with a good certificate, which answers one request as it likes; yield its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.sign("a"))
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        raw, _ = listener.accept()
        with raw, context.wrap_socket(raw, server_side=True) as client:
            try:
                client.recv(4096)
                answer(client)
            except OSError:
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield listener.getsockname()[1]
    thread.join(5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "damaged"),
        ("<html>", "damaged"),
        (bans(ban("45.9.9.9"), end=2), "damaged"),
        (bans(ban("45.9.9.9")) + "more", "damaged"),
        (bans("nobody 1 1 x"), "not a ban"),
        (bans(ban("0.0.0.0/0")), "not a ban"),
        (bans(ban("::/0")), "not a ban"),
        (bans(ban("45.0.0.0/23")), "wider"),
        (bans(ban("2a00:1::/47")), "wider"),
        (bans(ban("45.9.9.09")), "not a ban"),
        (bans(ban("45.9.9.9", "nan")), "not a ban"),
        (bans(ban("45.9.9.9", 10**30)), "not a ban"),
        pytest.param(bans(ban("45.9.9.9", "9" * 400)), "not a ban", id="400 digits"),
        pytest.param(bans(ban("45.9.9.9", "9" * 4_000_000)), "not a ban", id="digits"),
        pytest.param("# banstitch share 1\n" + "a\n" * 2_000_000, "not a ban", id="lines"),
        (bans(ban("45.9.9.9", LATER, -5)), "not a ban"),
        (bans(f"45.9.9.9 {LATER} 1 sshd"), "not a ban"),
        (
            bans(*(ban(f"45.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(50_001))),
            "more than",
        ),
    ],
)
def test_a_list_that_no_site_would_offer_counts_as_none(
    authority: Authority, memory: Path, caplog: pytest.LogCaptureFixture, text: str, why: str
) -> None:
    with peer_that(authority, respond(text.encode())) as port:
        module("watch.peers").Puller(str(memory), describe_peer(authority, port)).pull()
    assert read_taken(memory) is None
    assert why in caplog.text
    assert "site a (group north)" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        respond(b"x", "Content-Length: 99999999999"),
        respond(b"\xff\xfe" * 100),
        respond(b"x" * 7_000_000),
        respond(b"", "Location: https://example.com/"),
        lambda client: client.sendall(b"SSH-2.0-OpenSSH\r\n"),
        lambda client: client.sendall(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
        lambda client: client.close(),
    ],
    ids=["too long", "bytes", "huge", "empty", "no http", "unasked 304", "closed"],
)
def test_an_answer_that_is_no_list_counts_as_none(
    authority: Authority, memory: Path, answer: Callable[[ssl.SSLSocket], None]
) -> None:
    with peer_that(authority, answer) as port:
        module("watch.peers").Puller(str(memory), describe_peer(authority, port)).pull()
    assert read_taken(memory) is None


def test_a_peer_that_sends_single_bytes_is_left(
    authority: Authority, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module("watch.deadline"), "PATIENCE", 0.3)
    over = threading.Event()

    def drip(client: ssl.SSLSocket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.wait(0.02):
            client.sendall(b"#")

    with peer_that(authority, drip) as port:
        module("watch.peers").Puller(str(memory), describe_peer(authority, port)).pull()
        over.set()
    assert read_taken(memory) is None


def test_lists_of_many_bans_at_once_do_not_fill_the_memory(
    authority: Authority, memory: Path
) -> None:
    shared = module("banstitch_shared.shared_bans")
    text = bans(*(ban(f"45.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(shared.MOST)))
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n".encode()
    body = memoryview(text.encode())

    def send(client: ssl.SSLSocket) -> None:
        client.sendall(head)
        client.sendall(body)

    with peer_that(authority, send) as port:
        puller = module("watch.peers").Puller(str(memory), describe_peer(authority, port))
        tracemalloc.start()
        puller.pull()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    taken = read_taken(memory)
    assert taken is not None
    assert len(taken) == shared.MOST
    # 60 peers at once, and MemoryMax= of the service is 256 MiB
    assert most < 1 << 20


def test_a_list_that_is_kept_stays_while_the_peer_is_ill_but_gives_no_sign_of_life(
    authority: Authority, memory: Path
) -> None:
    shared = module("banstitch_shared.shared_bans")
    with peer_that(authority, respond(bans(ban("45.9.9.9")).encode())) as port:
        puller = module("watch.peers").Puller(str(memory), describe_peer(authority, port))
        puller.pull()
    assert read_taken(memory) == ["45.9.9.9"]
    alive = Path(shared.find_answer(shared.find_list(str(memory), "north", "a")))
    alive.unlink()
    puller.pull()  # nobody listens any more
    assert not alive.exists()


def test_lists_of_sites_that_are_no_peers_any_more_are_removed(
    authority: Authority, memory: Path
) -> None:
    for name in ("shared+north+old.bans", "shared+north+old.alive", "shared+north+a.bans"):
        (memory / name).touch()
    (memory / "looked_up.json").touch()
    module("watch.peers").build_part([describe_peer(authority, 1)._asdict()], str(memory))
    assert sorted(path.name for path in memory.iterdir()) == [
        "looked_up.json",
        "shared+north+a.bans",
    ]
