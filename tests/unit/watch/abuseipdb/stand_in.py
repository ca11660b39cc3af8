"""A server in the place of AbuseIPDB, and a site whose bans are reported to it."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import SSLContext
from typing import Any
from urllib.parse import parse_qs

from banstitch_shared.ban_file import Ban, find_ban_file, format_ban, join_lines
from watch.abuseipdb.part import Reporter
from watch.settings import ReportSettings

from tests.e2e.alarm_servers import Served

NOW = 1_800_000_000.0
KEY = "0123456789abcdef" * 5
JAIL, OTHER = "banstitch-sslvpn_login_failed", "banstitch-admin_login_failed-trap"
STRANGER, ANOTHER = "9.9.9.9", "8.8.4.4"


class StandIn(Served):
    """Takes reports: ``reports`` has their fields, ``keys`` their keys; answers what ``answer`` says."""

    def __init__(self, context: SSLContext) -> None:
        self.reports: list[dict[str, str]] = []
        self.keys: list[str] = []
        self.answer: tuple[int, dict[str, str]] = (200, {})
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = {name: ",".join(found) for name, found in parse_qs(body).items()}
                stand_in.reports.append(fields)
                stand_in.keys.append(self.headers["Key"])
                status, headers = stand_in.answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b'{"echo": "%s"}' % self.headers["Key"].encode())

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        super().__init__(server)


class Site:
    """A site with a ban file for each jail, and a clock that a test sets. It booted when ``booted`` says."""

    def __init__(self, folder: Path, stand_in: StandIn, ca: Path) -> None:
        self.now, self.booted = NOW, NOW - 3600
        self.spool, self.memory = folder / "spool", folder / "memory"
        self.trusted = folder / "trusted"
        self.spool.mkdir()
        self.memory.mkdir()
        self.trusted.touch()
        self.url = f"https://127.0.0.1:{stand_in.port}/api/v2/report"
        self.settings: ReportSettings = {
            "spool": str(self.spool),
            "jails": {JAIL: [18], OTHER: [15, 18]},
            "never": ["127.0.0.0/8"],
            "trusted": str(self.trusted),
            "looked_up": "",
            "limit": 1000,
            "ca": str(ca),
            "proxy": "",
        }
        self.start()

    def start(self) -> None:
        """Start the service, again if it ran."""
        self.reporter = Reporter(
            self.settings,
            KEY,
            str(self.memory),
            self.url,
            lambda: self.now,
            lambda: self.now - self.booted,
        )

    def ban(self, *bans: Ban | str, jail: str = JAIL) -> None:
        """Have these bans in a jail; an address was banned just now, by 5 events and for an hour."""
        found = [self.make(each) if isinstance(each, str) else each for each in bans]
        new = self.spool / "new"
        new.write_text(join_lines(map(format_ban, found)))
        new.replace(find_ban_file(str(self.spool), jail))

    def make(self, address: str, **more: Any) -> Ban:
        """Return a ban."""
        return Ban(address, self.now + 3600, self.now, 5, 1)._replace(**more)

    def set_clock(self, seconds: float) -> None:
        """Set the clock by some seconds, although no time passed."""
        self.now += seconds
        self.booted += seconds

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with a look at its beginning and at its end."""
        self.reporter.look()
        self.now += seconds
        self.reporter.look()
