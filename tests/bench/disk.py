"""Measure the files of a real host after a week of attacks that exceed every bound.

    python -m tests.bench.disk [--days 7] [--attackers 2000]

The same code runs with smaller bounds, so that a day takes seconds: the attackers that the option asks
for are all banned, and the daily log rotation follows. At the end every file must be within its bound;
otherwise the exit code is 1.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from tests.bench.bans import Bans, make_address, wait_until
from tests.bench.host import JAIL, LINE, deploy_site
from tests.bench.load import post, run
from tests.e2e.poller import feed

ACTION, RECEIVER = "/etc/fail2ban/action.d", "/opt/banstitch/receiver"
# file, a constant in it, and its value for this bench
SMALLER = (
    (f"{RECEIVER}/config.py", "'rejected_most': 2097152", "'rejected_most': 100000"),
    (f"{RECEIVER}/config.py", "'evidence_most': 67108864", "'evidence_most': 1000000"),
    (f"{ACTION}/banstitch_log_sizes.py", "rejected.log': 1048576", "rejected.log': 50000"),
    (f"{ACTION}/banstitch_log_sizes.py", "evidence.log': 33554432", "evidence.log': 500000"),
    (f"{ACTION}/banstitch_audit.py", "AUDIT_SIZE = 20000000", "AUDIT_SIZE = 200000"),
    (f"{ACTION}/banstitch_audit.py", "AT_ONCE = 1000", "AT_ONCE = 100"),
    (f"{ACTION}/banstitch_bounds.py", "Rate(10000, 0.2)", "Rate(500, 0.2)"),
    (f"{ACTION}/banstitch_bounds.py", "Rate(5000, 0.1)", "Rate(500, 0.1)"),
    (f"{ACTION}/banstitch_bounds.py", "MOST_ROWS = 100000", "MOST_ROWS = 1000"),
    (f"{ACTION}/banstitch_bounds.py", "TRIM = 60.0", "TRIM = 1.0"),
)
SETTINGS = """\
receiver_rate: 100000
receiver_burst: 1000000
receiver_ban_limit: 1000000
receiver_log_size: 200k
receiver_log_keep: 2
detection_ban_time: 1d
"""


@dataclass(frozen=True)
class Bound:
    """A glob of files on the host, and the bytes that they may have together."""

    files: str
    bytes: int


BOUNDS = (
    Bound("var/log/banstitch/events.log*", 3 * 2 * 200 * 1024),
    # root checks once a second; until then the receiver writes up to twice the size of each
    Bound("var/log/banstitch/evidence.log*", 2 * 2 * 500_000),
    Bound("var/log/banstitch/rejected.log*", 2 * 2 * 50_000),
    # the size is checked every 100 lines, which have 1200 bytes here
    Bound("var/log/banstitch/audit.log*", 10 * (200_000 + 100 * 1200)),
    # 150 bytes a line; the lines at the start of fail2ban count towards no limit
    Bound("var/log/fail2ban.log*", 150 * (500 + 500) + 150 * 1000),
)


class Week(Bans):
    """Days of attack on one host."""

    def make_smaller(self) -> None:
        for path, old, new in SMALLER:
            text = self.host.read(path)
            if old not in text:
                raise RuntimeError(f"{path} has no {old}")
            self.host.write(path, text.replace(old, new))
        self.host.console("systemctl restart fail2ban banstitch-receiver", check=True)

    def run_day(self, number: int, attackers: int) -> None:
        addresses = [make_address(n, 50 + number) for n in range(attackers)]
        self.send(LINE % address for address in addresses * 3)
        self.send(f'remip={"x" * 2000}"{n}' for n in range(20))
        wait_until(lambda: feed(self.site) >= set(addresses))
        # systemd would refuse the sixth start within ten seconds
        rotate = "systemctl reset-failed logrotate; systemctl start logrotate"
        self.host.console(rotate, check=True)

    def send(self, bodies: Iterable[str]) -> None:
        token = {"X_Banstitch_Token": self.token}
        requests = (post("/receive-logs", body.encode(), **token) for body in bodies)
        peer = (self.host.address, 5000)
        statuses = set(run(peer, requests, at_once=8, encrypt=self.encrypt).statuses)
        if not statuses <= {200, 400}:
            raise RuntimeError(f"posts were answered {statuses}")

    def measure_size(self, files: str) -> int:
        return sum(path.stat().st_size for path in self.host.filesystem.glob(files))

    def count_rows(self) -> int:
        """Return the number of bans in the database of fail2ban."""
        script = (
            "import sqlite3; d = sqlite3.connect('/var/lib/fail2ban/fail2ban.sqlite3');"
            f"print(d.execute('SELECT count(*) FROM bans WHERE jail=?', ['{JAIL}']).fetchone()[0])"
        )
        return int(self.host.console(["python3", "-c", script], check=True).stdout)

    def check_bounds(self) -> None:
        for bound in BOUNDS:
            used = self.measure_size(bound.files)
            promise = f"at most {bound.bytes} bytes"
            self.report(bound.files, f"{used:>9} bytes", promise, used <= bound.bytes)
        wait_until(lambda: self.count_rows() <= 1000)
        self.report("rows a jail in fail2ban's database", f"{self.count_rows():>9}", "at most 1000")

    def report_sizes(self, attackers: int, days: int) -> None:
        """Report the sizes from which the documentation estimates the disk space."""
        bans = attackers * days
        text = self.host.read("/var/log/fail2ban.log")
        for word in ("Found", "Ban"):
            longest = max(map(len, re.findall(rf"(?m)^.*\] {word} .*$", text)))
            self.report(f"a line {word!r} of fail2ban", f"{longest:>9} bytes")
        for name, files in (
            ("spool", "var/spool/banstitch/*.bans"),
            ("database", "var/lib/fail2ban/*"),
        ):
            self.report(f"{name}, a live ban", f"{self.measure_size(files) // bans:>9} bytes")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.disk")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--attackers", type=int, default=2_000, help="of each day")
    options = parser.parse_args(argv)
    with deploy_site(SETTINGS) as site:
        week = Week(site)
        week.make_smaller()
        for number in range(options.days):
            week.run_day(number, options.attackers)
        week.check_bounds()
        week.report_sizes(options.attackers, options.days)
    return 1 if week.missed else 0


if __name__ == "__main__":
    sys.exit(main())
