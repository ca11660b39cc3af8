"""Lists by http from a server that answers as it likes: bounded, and never less than whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from watch import deadline, download
from watch.download import Page, check_peer, follow

LIST = "193.99.144.80\n"


class Handler(BaseHTTPRequestHandler):
    """Answers by the path."""

    def do_GET(self) -> None:
        known = self.headers.get("If-None-Match")
        if self.path == "/list" and known == '"v1"':
            self.answer(304)
        elif self.path == "/list":
            self.answer(200, LIST, ETag='"v1"')
        elif self.path.startswith("/hop"):
            hops = int(self.path[4:])
            self.answer(302, Location=f"/hop{hops - 1}" if hops > 1 else "/list")
        elif self.path == "/large":
            self.answer(200, "x" * (download.LARGEST + 1))
        elif self.path == "/cut":
            self.answer(200, LIST, **{"Content-Length": "1000"})
        elif self.path == "/drip":
            self.drip()
        elif self.path == "/query?key=1":
            self.answer(200, LIST, ETag="x" * 1000)
        else:
            self.answer(404)

    def answer(self, status: int, text: str = "", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(text))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def drip(self) -> None:
        """Send a byte now and then, for ever."""
        server = self.server
        assert isinstance(server, Server)
        self.send_response(200)
        self.end_headers()
        try:
            while not server.stopped.wait(0.02):
                self.wfile.write(b"#")
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class Server(ThreadingHTTPServer):
    """A web server that can be stopped while it answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.stopped = threading.Event()


@pytest.fixture
def url() -> Iterator[str]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.stopped.set()
        server.shutdown()
        thread.join()


def test_a_list_is_fetched_with_its_etag(url: str) -> None:
    assert download.download(f"{url}/list", "") == Page(LIST, '"v1"')


def test_a_list_that_is_unchanged_is_not_sent_again(url: str) -> None:
    assert download.download(f"{url}/list", '"v1"') is None


def test_an_etag_that_is_too_long_is_not_kept(url: str) -> None:
    assert download.download(f"{url}/query?key=1", "") == Page(LIST, "")


def test_some_redirects_are_followed(url: str) -> None:
    assert download.download(f"{url}/hop3", "") == Page(LIST, '"v1"')
    with pytest.raises(ValueError, match="more than 3 times"):
        download.download(f"{url}/hop4", "")


@pytest.mark.parametrize(
    ("path", "why"), [("/none", "answers 404"), ("/large", "larger"), ("/cut", "too early")]
)
def test_what_is_no_whole_list_is_refused(url: str, path: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        download.download(f"{url}{path}", "")


def test_a_server_that_sends_a_byte_now_and_then_is_left(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "PATIENCE", 0.2)
    with pytest.raises(TimeoutError, match="takes longer"):
        download.download(f"{url}/drip", "")


@pytest.mark.parametrize(
    "location", ["http://example.com/list", "ftp://example.com/list", "file:///etc/passwd", ""]
)
def test_a_redirect_does_not_leave_https(location: str) -> None:
    with pytest.raises(ValueError, match="redirects"):
        follow("https://example.com/list", location)


def test_a_redirect_may_be_relative_and_may_begin_https() -> None:
    assert follow("https://example.com/a/list", "../b") == "https://example.com/b"
    assert follow("http://example.com/list", "https://example.com/") == "https://example.com/"


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1"])
def test_a_public_server_does_not_redirect_into_a_private_network(peer: str) -> None:
    with pytest.raises(ValueError, match="not public"):
        check_peer(peer, "193.99.144.80")
    check_peer(peer, "")
    check_peer(peer, "10.9.9.9")
    check_peer("62.138.5.9", "193.99.144.80")


@pytest.mark.parametrize("url", ["http://user@127.0.0.1/", "http:///list"])
def test_a_url_without_a_host_or_with_a_login_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not the address of a list"):
        download.download(url, "")
