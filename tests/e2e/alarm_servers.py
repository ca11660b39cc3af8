"""Servers that alarms go to: mail by TLS with a login, webhooks by https, syslog by UDP, and a proxy."""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import json
import socket
import socketserver
import ssl
import subprocess
import threading
from collections import Counter
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

USER, PASSWORD = "noc", "Mail-Secret-7"
ABUSEIPDB = "api.abuseipdb.com"


def make_certificates(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return the file of a CA, and the context of a server that it signed: 127.0.0.1, and AbuseIPDB."""
    ca, key, server = folder / "ca.pem", folder / "ca.key", folder / "server"
    openssl(
        f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=lab"
        f" -keyout {key} -out {ca}"
    )
    openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1"
        f" -keyout {server}.key -out {server}.csr"
    )
    (folder / "names").write_text(f"subjectAltName=IP:127.0.0.1,DNS:{ABUSEIPDB}\n")
    openssl(
        f"x509 -req -days 2 -in {server}.csr -CA {ca} -CAkey {key} -CAcreateserial"
        f" -extfile {folder / 'names'} -out {server}.pem"
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{server}.pem", f"{server}.key")
    return ca, context


def openssl(arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], check=True, capture_output=True)


class Served:
    """A server in a thread, for the length of a ``with`` block."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.port: int = server.server_address[1]
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


class Hooks(Served):
    """A web server: ``posts`` by path, and the number of ``beats``. ``status`` is its answer."""

    def __init__(self, context: ssl.SSLContext, port: int = 0) -> None:
        self.posts: list[dict[str, Any]] = []
        self.beats = 0
        self.status = 200
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hooks.beats += 1
                self.answer()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hooks.posts.append(json.loads(body))
                self.answer()

            def answer(self) -> None:
                self.send_response(hooks.status)
                self.end_headers()
                self.wfile.write(b"taken")

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        super().__init__(server)

    def count(self, state: str) -> Counter[str]:
        """Return how often each alarm arrived in a state, by key."""
        return Counter(
            alarm["key"]
            for post in list(self.posts)
            for alarm in post["alarms"]
            if alarm["state"] == state
        )


class Mails(Served):
    """A mail server that speaks TLS, requires a login, and knows everybody but ``unknown``."""

    def __init__(self, context: ssl.SSLContext, unknown: str = "nobody@example.com") -> None:
        self.mails: list[EmailMessage] = []
        mails = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.say("220 lab")
                is_in = False
                while line := self.rfile.readline().decode().strip():
                    verb = line.split(" ")[0].split(":")[0].upper()
                    if verb == "EHLO":
                        self.say("250-lab\r\n250 AUTH PLAIN")
                    elif verb == "AUTH":
                        words = base64.b64decode(line.split(" ")[2]).decode().split("\0")
                        is_in = words[1:] == [USER, PASSWORD]
                        self.say("235 in" if is_in else "535 no")
                    elif verb == "DATA" and is_in:
                        self.say("354 go on")
                        self.take()
                        self.say("250 taken")
                    elif verb == "QUIT":
                        self.say("221 bye")
                        return
                    else:
                        known = "550 who is that?" if unknown in line else "250 ok"
                        self.say(known if is_in else "530 log in")

            def take(self) -> None:
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line)
                found = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                assert isinstance(found, EmailMessage)
                mails.mails.append(found)

            def say(self, text: str) -> None:
                self.wfile.write(text.encode() + b"\r\n")

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        super().__init__(server)

    @property
    def text(self) -> str:
        """All mails together."""
        return "\n".join(f"{mail['Subject']}\n{mail.get_content()}" for mail in list(self.mails))


class Syslogs(Served):
    """A syslog server for UDP."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        syslogs = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                syslogs.lines.append(self.request[0].decode())

        super().__init__(socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler))


class Tunnels(Served):
    """An http proxy for https. ``targets``: {host: port at 127.0.0.1}; others are there already."""

    def __init__(self, targets: dict[str, int]) -> None:
        self.asked: list[str] = []
        tunnels = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                place = self.rfile.readline().decode().split(" ")[1]
                while self.rfile.readline().strip():
                    pass
                tunnels.asked.append(place)
                host, _, port = place.rpartition(":")
                with socket.create_connection(
                    ("127.0.0.1", targets.get(host, int(port)))
                ) as server:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    back = threading.Thread(target=pump, args=(server, self.connection))
                    back.start()
                    pump(self.connection, server)
                    back.join()

        proxy = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        proxy.daemon_threads = True
        super().__init__(proxy)


def pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes, until one of the two ends."""
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
