"""Every conversation ends: with a server that sends single bytes for ever, and with a dead resolver."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from watch import deadline
from watch.alarms.certificate import read_end
from watch.alarms.digest import compose_test
from watch.answers import look_up
from watch.channels.mail import Mail, send_mail
from watch.channels.syslog import Syslog, send_syslog
from watch.channels.webhook import Webhook, send_webhook
from watch.deadline import Deadline
from watch.download import download
from watch.outgoing import Outgoing, Way, send

from tests.e2e.alarm_servers import make_certificates
from tests.unit.watch.drips import HELLO, Drip

DIGEST = compose_test("bh1", 1_700_000_000.0)
OK = "250 ok"
PLAIN = ["220 lab", OK, OK, OK, "354 go on", OK]
LOGIN = ["220 lab", "250-lab\r\n250 AUTH PLAIN"]
UPGRADE = ["220 lab", "250-lab\r\n250 STARTTLS", "220 go on", "250-lab\r\n250 AUTH PLAIN"]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A conversation may take a moment only."""
    monkeypatch.setattr(deadline, "PATIENCE", 0.3)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ssl.SSLContext]:
    ca, context = make_certificates(tmp_path_factory.mktemp("ca"))
    return str(ca), context


def mail(port: int, security: str = "off", ca: str = "", host: str = "127.0.0.1") -> str:
    user = "" if security == "off" else "noc"
    to = Mail(["noc@example.com"], "bh1@example.com", host, port, security, user, "Secret-7", ca)
    return send_mail(DIGEST, to)


def webhook(port: int, scheme: str = "http", ca: str = "", proxy: str = "") -> str:
    url = f"{scheme}://127.0.0.1:{port}/x"
    return send_webhook(DIGEST, Webhook("generic", url, "", Way(ca, proxy)))


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("replies", range(len(PLAIN)))
def test_a_mail_server_that_stops_after_some_answers_is_left(replies: int) -> None:
    with Drip(PLAIN[:replies]) as drip, pytest.raises(TimeoutError, match="takes longer"):
        mail(drip.port)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("replies", range(len(UPGRADE) + 1))
def test_a_mail_server_that_stops_around_starttls_is_left(
    server: tuple[str, ssl.SSLContext], replies: int
) -> None:
    ca, context = server
    is_upgraded, first = replies > 3, HELLO if replies == 3 else b""
    drip = Drip(UPGRADE[:replies], context if is_upgraded else None, True, first)
    with drip, pytest.raises(TimeoutError, match="takes longer"):
        mail(drip.port, "starttls", ca)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("replies", range(len(LOGIN) + 1))
def test_a_mail_server_that_stops_within_tls_is_left(
    server: tuple[str, ssl.SSLContext], replies: int
) -> None:
    ca, context = server
    drip = Drip(LOGIN[:replies], context)
    with drip, pytest.raises(TimeoutError, match="takes longer"):
        mail(drip.port, "tls", ca)


def test_a_mail_that_was_accepted_is_not_sent_again_because_of_the_farewell() -> None:
    with Drip(PLAIN) as drip:
        assert mail(drip.port) == "accepted for noc@example.com"


CONVERSATIONS: dict[str, Callable[[int], object]] = {
    "mail": partial(mail, security="tls"),
    "webhook": partial(webhook, scheme="https"),
    "heartbeat": lambda port: send(Outgoing("GET", f"https://127.0.0.1:{port}/b", {}), Way()),
    "syslog": lambda port: send_syslog(DIGEST, Syslog("tls", "127.0.0.1", port, "")),
    "list": lambda port: download(f"https://127.0.0.1:{port}/list", ""),
    "certificate": lambda port: read_end("127.0.0.1", port),
}


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("kind", CONVERSATIONS)
def test_a_server_that_never_ends_its_handshake_is_left(kind: str) -> None:
    with Drip(first=HELLO) as drip, pytest.raises(TimeoutError, match="takes longer"):
        CONVERSATIONS[kind](drip.port)


BY_HTTP: dict[str, Callable[[int], object]] = {
    "webhook": webhook,
    "list": lambda port: download(f"http://127.0.0.1:{port}/list", ""),
    "proxy": lambda port: webhook(1, "https", proxy=f"127.0.0.1:{port}"),
}


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("head", ["", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\n"])
@pytest.mark.parametrize("kind", BY_HTTP)
def test_a_server_that_sends_single_bytes_is_left(kind: str, head: str) -> None:
    drip = Drip([head] if head else [], first=HELLO)
    with drip, pytest.raises(TimeoutError, match="takes longer"):
        BY_HTTP[kind](drip.port)


@pytest.mark.usefixtures("soon")
def test_an_answer_that_never_ends_is_left(server: tuple[str, ssl.SSLContext]) -> None:
    ca, context = server
    drip = Drip(["HTTP/1.1 200 OK\r\n\r\n"], context)
    with drip, pytest.raises(TimeoutError, match="takes longer"):
        webhook(drip.port, "https", ca)


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A resolver that answers no name; yield the names that it was asked for."""
    asked: list[str] = []
    over = threading.Event()

    def hang(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        over.wait()
        raise socket.gaierror("no answer")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield asked
    over.set()


@pytest.mark.usefixtures("soon", "dead")
@pytest.mark.parametrize(
    "converse",
    [
        lambda: mail(25, host="mail.example.com"),
        lambda: send(Outgoing("GET", "https://example.com/b", {}), Way()),
        lambda: send(Outgoing("GET", "https://example.com/b", {}), Way("", "proxy.example.com:1")),
        lambda: send_syslog(DIGEST, Syslog("udp", "log1.example.com", 514, "")),
        lambda: send_syslog(DIGEST, Syslog("tcp", "log2.example.com", 514, "")),
        lambda: download("https://list.example.com/list", ""),
        lambda: look_up("office.example.com", ""),
    ],
    ids=["mail", "webhook", "proxy", "udp", "tcp", "list", "name"],
)
def test_a_resolver_that_does_not_answer_holds_nothing(converse: Callable[[], object]) -> None:
    with pytest.raises(TimeoutError, match="takes longer"):
        converse()


@pytest.mark.usefixtures("soon")
def test_a_name_whose_look_up_hangs_is_not_looked_up_again_meanwhile(dead: list[str]) -> None:
    for _ in range(3):
        with pytest.raises(TimeoutError):
            look_up("gone.example.com", "")
    assert dead == ["gone.example.com"]


def test_one_deadline_covers_all_connections_of_a_conversation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadline, "PATIENCE", 0.05)
    until = Deadline()
    with Drip() as drip, contextlib.suppress(TimeoutError), until:
        first = until.connect("127.0.0.1", drip.port)
        while first.recv(1):
            pass
        with pytest.raises(TimeoutError, match="takes longer"):
            until.connect("127.0.0.1", drip.port)


def test_without_a_thread_for_its_timer_a_conversation_fails_as_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(OSError, match="can't start new thread"):
        send(Outgoing("GET", "http://127.0.0.1:9/", {}), Way())
