"""The agent asks its own receiver, and comes to an end whatever else listens there."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from provision.linux.agent.http_client import Answer, fetch

OK = b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"


# Seconds between two pieces of an answer that comes slowly.
PAUSE = 0.02


class Listener:
    """Answers with the same bytes, all at once or ``slowly`` one by one, and keeps what was asked."""

    def __init__(
        self, answer: bytes, context: ssl.SSLContext | None, address: str, slowly: bool
    ) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._server = socket.create_server((address, 0), family=family)
        self.port = self._server.getsockname()[1]
        self.asked = b""
        self._context = context
        self._pieces = [answer[n : n + 1] for n in range(len(answer))] if slowly else [answer]
        self._pause = PAUSE if slowly else 0
        self._closed = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            plain, _ = self._server.accept()
            peer = self._context.wrap_socket(plain, server_side=True) if self._context else plain
            with peer:
                self.asked = peer.recv(65536)
                for piece in self._pieces:
                    peer.sendall(piece)
                    self._closed.wait(self._pause)

    def close(self) -> None:
        self._closed.set()
        self._server.close()


Listen = Callable[..., Listener]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Return a function that starts a listener."""
    started: list[Listener] = []

    def start(
        answer: bytes,
        context: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
        slowly: bool = False,
    ) -> Listener:
        started.append(Listener(answer, context, address, slowly))
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_an_answer_has_its_status_and_its_body(listen: Listen) -> None:
    listener = listen(OK)
    url = f"http://127.0.0.1:{listener.port}/healthz/live"
    assert fetch("", url, {"X-A": "b"}) == Answer(200, "hello")
    assert listener.asked == (
        b"GET /healthz/live HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\nX-A: b\r\n\r\n"
    )


def test_a_body_is_posted_with_its_length(listen: Listen) -> None:
    listener = listen(b"HTTP/1.1 401 Unauthorized\r\n\r\nno")
    answer = fetch("", f"http://127.0.0.1:{listener.port}", body=b"event")
    assert answer == Answer(401, "no")
    assert listener.asked.startswith(b"POST / HTTP/1.0\r\n")
    assert listener.asked.endswith(b"Content-Length: 5\r\n\r\nevent")


def test_an_address_of_ipv6_is_asked(listen: Listen) -> None:
    listener = listen(OK, address="::1")
    assert fetch("", f"http://[::1]:{listener.port}/").status == 200
    assert b"Host: [::1]\r\n" in listener.asked


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
    ],
    ids=["nothing", "SSH", "no end", "too much", "cut off"],
)
def test_what_is_not_a_whole_answer_is_none(listen: Listen, answer: bytes) -> None:
    found = fetch("", f"http://127.0.0.1:{listen(answer).port}/")
    assert found.status == 0
    assert found.body


@pytest.mark.parametrize(
    "answer", [b"X-A: b\r\n" * 30, b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 200], ids=["head", "body"]
)
def test_nobody_is_waited_for_who_answers_byte_by_byte(listen: Listen, answer: bytes) -> None:
    """The receiver's user could keep the agent, and with it the lock of the host, for days."""
    listener = listen(answer, slowly=True)
    found = fetch("", f"http://127.0.0.1:{listener.port}/", timeout=25 * PAUSE)
    assert found == Answer(0, "no whole answer within 0.5 s")


def test_no_more_is_read_than_was_wanted(listen: Listen) -> None:
    url = f"http://127.0.0.1:{listen(OK).port}/"
    assert fetch("", url, largest=3) == Answer(200, "hel")


@pytest.mark.parametrize(
    "url",
    ["", "ftp://127.0.0.1/", "http://127.0.0.1/ HTTP/1.0", "http:///", "http://127.0.0.1:65536/"],
)
def test_what_is_no_url_is_not_asked(url: str) -> None:
    assert fetch("", url).status == 0


def test_a_header_of_two_lines_is_not_sent(listen: Listen) -> None:
    listener = listen(OK)
    url = f"http://127.0.0.1:{listener.port}/"
    assert fetch("", url, {"X-A": "b\r\nX-B: c"}).status == 0
    assert listener.asked == b""


def test_over_https_only_the_given_certificate_is_trusted(listen: Listen, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        new = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x"
        argv = [*new.split(), "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ours.pem", tmp_path / "ours.key")

    def ask(certificate: str) -> int:
        url = f"https://127.0.0.1:{listen(OK, context).port}/"
        return fetch(str(tmp_path / certificate), url).status

    assert ask("ours.pem") == 200
    assert ask("theirs.pem") == 0
    assert ask("none.pem") == 0
