"""A small HTTP server on loopback through which another process works the simulator.

POST /event (body: a log line), /poll, /run (body: CLI lines); GET /show, /journal,
/denies?address=1.2.3.4. Answers are JSON, except /show and /run (text).
"""

import json
import threading
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from tests.simulator.journal import Journal
from tests.simulator.webhook import Delivery


class FortiGate(Protocol):
    """The interface of a simulator that the control channel needs."""

    journal: Journal

    def show(self) -> str: ...
    def run(self, lines: str) -> str: ...
    def log_event(self, line: str) -> list[Delivery]: ...
    def poll_feeds(self) -> None: ...
    def denies(self, address: str) -> list[str]: ...


def answer_get(fortigate: FortiGate, path: str, query: dict[str, list[str]]) -> Any:
    """Answer a GET; None for a path that does not exist, ValueError for a bad address."""
    if path == "/show":
        return fortigate.show()
    if path == "/denies":
        address = query.get("address", [""])[0]
        by = fortigate.denies(address)
        return {"address": address, "denied": bool(by), "by": by}
    if path == "/journal":
        return {
            "lines": [asdict(line) for line in fortigate.journal],
            "exchanges": fortigate.journal.exchanges(),
        }
    return None


def answer_post(fortigate: FortiGate, path: str, body: str) -> Any:
    """Answer a POST; None for a path that does not exist."""
    if path == "/event":
        return [asdict(delivery) for delivery in fortigate.log_event(body.strip("\r\n"))]
    if path == "/poll":
        fortigate.poll_feeds()
        return {"polled": True}
    if path == "/run":
        return fortigate.run(body)
    return None


class Control:
    """The server: `start`, then `stop`, which returns when its thread is gone."""

    def __init__(self, fortigate: FortiGate, port: int) -> None:
        class Handler(_Handler):
            target = fortigate

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="fortios-control"
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    target: FortiGate

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._answer(lambda: answer_get(self.target, parts.path, parse_qs(parts.query)))

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size).decode("utf-8", "surrogateescape")
        self._answer(lambda: answer_post(self.target, self.path, body))

    def _answer(self, work: Any) -> None:
        try:
            found = work()
        except ValueError as error:
            self._send(400, {"error": str(error)})
            return
        self._send(404 if found is None else 200, found)

    def _send(self, status: int, found: Any) -> None:
        text = found if isinstance(found, str) else json.dumps(found)
        data = text.encode("utf-8", "surrogateescape")
        self.send_response(status)
        kind = "text/plain; charset=utf-8" if isinstance(found, str) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""
