"""Requests to URLs of the operator: no redirect is followed, answers are bounded, and TLS is checked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from watch.outgoing import Outgoing, Refused, Way, describe, send

from tests.e2e.alarm_servers import Hooks, make_certificates


class Handler(BaseHTTPRequestHandler):
    """Answers by the path."""

    def do_POST(self) -> None:
        status = int(self.path.rpartition("/")[2])
        text = b"no\r\nsuch \x1b[31m" + b"x" * 100_000
        self.send_response(status)
        self.send_header("Location", "/200")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def base() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def post(url: str) -> str:
    return send(Outgoing("POST", url, {}, b"{}"), Way())


def test_an_answer_is_a_few_printable_words(base: str) -> None:
    answer = post(base + "/200")
    assert answer.startswith("200 no  such")
    assert len(answer) < 120
    assert answer.isprintable()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(base: str, status: int) -> None:
    with pytest.raises(Refused, match="redirect"):
        post(f"{base}/{status}")


def test_an_error_of_the_server_is_quoted(base: str) -> None:
    with pytest.raises(Refused, match="answers 404 no"):
        post(base + "/404")


def test_an_error_does_not_hold_the_url() -> None:
    with pytest.raises(OSError) as caught:
        post("http://127.0.0.1:9/secret-4711")
    assert "4711" not in describe(caught.value)


def test_a_certificate_counts_only_with_its_ca(tmp_path: Path) -> None:
    ca, context = make_certificates(tmp_path)
    with Hooks(context) as hooks:
        url = f"https://127.0.0.1:{hooks.port}/x"
        with pytest.raises(OSError) as caught:
            post(url)
        assert describe(caught.value).startswith("its certificate is not valid")
        assert send(Outgoing("GET", url, {}), Way(str(ca))) == "200 taken"
