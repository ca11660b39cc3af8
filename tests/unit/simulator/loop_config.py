"""A small web server, and the configuration of a FortiGate that talks to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.simulator import Options, Simulator

FAILED_LOGIN = (
    'date=2024-10-01 time=10:00:00 devname="FGT-A" logid="0101039426" type="event" vd="root" '
    'action="ssl-login-fail" remip=203.0.113.7 user="it\\"s remip=8.8.8.8" msg="x"'
)
LOOP = """\
config system automation-trigger
edit fail
set event-type event-log
set logid 39426
end
config system automation-action
edit post
set action-type webhook
set uri "127.0.0.1/log"
set port {port}
set http-body "%%log%%"
config http-headers
edit 1
set key "X-Token"
set value "abc"
end
end
config system automation-stitch
edit st
set trigger fail
config actions
edit 1
set action post
end
end
"""
FEED = """\
config system external-resource
edit bans
set type address
set username u
set password p
set resource "http://127.0.0.1:{port}/feed"
set refresh-rate 1
end
"""
NEGATED = (
    "config vpn ssl settings\nset source-address bans\nset source-address-negate enable\nend\n"
)


@dataclass
class Web:
    """The answers of a small server, and the requests that it received."""

    port: int = 0
    status: int = 200
    body: bytes = b""
    etag: str = ""
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serve() -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            web.asked.append((self.command, self.path, dict(self.headers), body))
            cached = web.etag and self.headers.get("If-None-Match") == web.etag
            self.send_response(304 if cached else web.status)
            if web.etag:
                self.send_header("ETag", web.etag)
            self.send_header("Content-Length", str(0 if cached else len(web.body)))
            self.end_headers()
            self.wfile.write(b"" if cached else web.body)
            web.arrived.set()

        do_GET = do_PUT = do_POST  # noqa: N815 - the names are http.server's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield web
    server.shutdown()
    thread.join()
    server.server_close()


def make_fortigate(**options: Any) -> Simulator:
    return Simulator(Options(**options))
