"""Compare the cost of a plan and a first push with that of stock netmiko.

    make bench, or: python -m tests.bench.fortios [--latency 0 50 200]

Both log in over SSH on loopback to identical simulated FortiGates (7.4.8, console output `more`, as
from the factory). Each burst of input reaches the FortiGate after the added latency. Every number counts
from before the login until after the logout.

    plan    ours: log in, observe (status, surroundings, every object), compare.
            stock: ConnectHandler, send_command for `get system status` and each `show`, disconnect.
    apply   ours: log in, observe, push, observe again and compare, as the product does.
            stock: ConnectHandler, send_config_set of the lines that ours pushes, disconnect. It does
            not observe before or after, does not see a refused line, and cannot undo one.

Exchanges are the times that a client wrote and waited for the FortiGate. Bytes are those of the
terminal, both ways.

Why ours is fast: all `show` lines go in one write, and so does a push. Lines are typed ahead only where
nothing can take effect before every answer was read. Inside `execute config-transaction` these are
all lines, since the commit comes last and alone. Without transactions a write ends before each line
that makes an object take effect (`next`, `end`, `delete`). An error that is found late costs an abort,
never half an object. Measured on two cores at 50 ms: 0.8 s in a transaction (6 exchanges), 1.1 s
without (13), 3.2 s when every line waits for its answer (53).

Exit status 1 if ours is not at least 3 times faster to plan, or is slower to apply, at any latency.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import netmiko
import paramiko

import roles.receiver.role
from provision.desired import collect
from provision.fortios.config.desired import Desired
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.text import list_lines
from provision.fortios.planning import planner
from provision.fortios.record.record import Record
from provision.fortios.session.fortigate import FortiGateSession
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.plays import PLAYS
from tests.simulator import Options, Simulator
from tests.unit.roles.sample_site import sample_site

TOKENS = {"webhook:fw1": "webhook-secret", "feed:fw1": "feed-secret", "verify": "verify-secret"}
SSL_ON = "config vpn ssl settings\nset source-interface port1\nset source-address all\nend\n"
KEY = b"k" * 32
PLAN_FACTOR = 3.0


@dataclass(frozen=True)
class Cost:
    """The cost of one run; ``seconds`` of wall time."""

    exchanges: int
    sent: int
    received: int
    seconds: float


class Meter:
    """A counter of the bytes that SSH clients in this process send and receive."""

    def __init__(self) -> None:
        self.sent = self.received = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        send, recv = paramiko.Channel.send, paramiko.Channel.recv

        def count_sent(channel: paramiko.Channel, data: bytes) -> int:
            size = send(channel, data)
            self.sent += size if not channel.get_transport().server_mode else 0
            return size

        def count_received(channel: paramiko.Channel, size: int) -> bytes:
            data = recv(channel, size)
            self.received += len(data) if not channel.get_transport().server_mode else 0
            return data

        paramiko.Channel.send = count_sent  # type: ignore[method-assign, assignment]
        paramiko.Channel.recv = count_received  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            paramiko.Channel.send = send  # type: ignore[method-assign]
            paramiko.Channel.recv = recv  # type: ignore[method-assign]


def measure(latency: float, run: Callable[[Simulator], int]) -> Cost:
    """Run ``run`` against a fresh FortiGate; it returns the number of exchanges."""
    with Simulator(Options(enc_stable=True)) as fortigate:
        fortigate.run(SSL_ON)
        fortigate.faults.latency = latency
        meter, start = Meter(), time.monotonic()
        with meter.counting():
            exchanges = run(fortigate)
        return Cost(exchanges, meter.sent, meter.received, time.monotonic() - start)


class Ours:
    """The product, as the engine uses it."""

    def __init__(self, known_hosts: Path) -> None:
        self._access = Access(known_hosts, accept_new=True)

    def plan(self, fortigate: Simulator) -> int:
        with self.connect(fortigate) as session:
            self._plan(session, Record())
            return session.exchanges

    def apply(self, fortigate: Simulator) -> int:
        with self.connect(fortigate) as session:
            made = self._plan(session, Record())
            session.apply(made)
            if self._plan(session, made.settled).changes:
                raise RuntimeError("the push did not hold")
            return session.exchanges

    def connect(self, fortigate: Simulator) -> FortiGateSession:
        login = Login("fgt", fortigate.address, "admin", fortigate.port, password="fortinet")
        return FortiGateSession(login, self._access)

    def _plan(self, session: FortiGateSession, record: Record) -> planner.FortiPlan:
        desired = collect_desired(session)
        return planner.plan(desired, session.observe(desired, record), record, key=KEY)


def collect_desired(session: FortiGateSession) -> Desired:
    """Return what a site puts on its FortiGate; without a CA, whose lines stock netmiko cannot type."""
    site = sample_site({"receiver": roles.receiver.role.Settings(receiver_tls="off")})
    return collect.render_desired(site, site.fortigates[0], PLAYS, TOKENS, session.facts)


class Stock:
    """Stock netmiko, with the same questions and the same lines."""

    def __init__(self, ours: Ours) -> None:
        with Simulator(Options(enc_stable=True)) as fortigate, ours.connect(fortigate) as session:
            fortigate.run(SSL_ON)
            desired = collect_desired(session)
            made = planner.plan(desired, session.observe(desired, Record()), Record(), key=KEY)
        self._questions = [
            "get system status",
            *(ObjectId.parse(each.id).show_command for each in desired.objects),
        ]
        self._lines = [line for block in made.blocks for line in list_lines(block.tree)]

    def plan(self, fortigate: Simulator) -> int:
        driver = self._connect(fortigate)
        for question in self._questions:
            driver.send_command(question)
        driver.disconnect()
        return fortigate.journal.exchanges()

    def apply(self, fortigate: Simulator) -> int:
        driver = self._connect(fortigate)
        # netmiko waits for the echo of a line, in which a value of several lines never appears whole
        typed = [part for line in self._lines for part in line.split("\n")]
        driver.send_config_set(typed, cmd_verify=False)
        driver.disconnect()
        if any(line.errors for line in fortigate.journal):
            raise RuntimeError("stock netmiko was refused a line")
        return fortigate.journal.exchanges()

    def _connect(self, fortigate: Simulator) -> netmiko.BaseConnection:
        return netmiko.ConnectHandler(
            device_type="fortinet",
            host=fortigate.address,
            port=fortigate.port,
            username="admin",
            password="fortinet",
            conn_timeout=60,
        )


def main(argv: list[str] | None = None) -> int:
    """Print the table; return 1 if ours is not fast enough."""
    logging.getLogger("paramiko").addHandler(
        logging.NullHandler()
    )  # FortiGates that close the connection are expected
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fortios")
    parser.add_argument("--latency", type=int, nargs="+", default=[0, 50, 200], help="in ms")
    latencies = parser.parse_args(argv).latency
    print(
        f"{'added':>7} {'':6} {'who':6} {'exchanges':>9} {'sent':>6} {'received':>8} {'seconds':>8}"
    )
    broken = False
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(Path(folder) / "known_hosts")
        stock = Stock(ours)
        for added in latencies:
            for what, factor in (("plan", PLAN_FACTOR), ("apply", 1.0)):
                mine = measure(added / 1000, getattr(ours, what))
                other = measure(added / 1000, getattr(stock, what))
                _print(added, what, "ours", mine)
                _print(added, what, "stock", other)
                times = other.seconds / mine.seconds
                print(f"{'':15}{times:.1f} times faster")
                broken = broken or times < factor
    return int(broken)


def _print(added: int, what: str, who: str, cost: Cost) -> None:
    numbers = f"{cost.exchanges:9} {cost.sent:6} {cost.received:8} {cost.seconds:8.2f}"
    print(f"{added:4} ms {what:6} {who:6} {numbers}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
