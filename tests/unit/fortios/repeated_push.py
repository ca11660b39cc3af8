"""A push to a FortiGate that is repeated from the same start, to disturb it at each line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from provision.errors import Unreachable
from provision.fortios.config.desired import CliBlock, Desired, DesiredObject, read_blocks
from provision.fortios.planning.planner import FortiPlan, plan
from provision.fortios.record.record import Record
from provision.fortios.session.fortigate import FortiGateSession
from provision.fortios.session.push import RolledBack
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.simulator import Faults, Options, Simulator
from tests.unit.fortios.fortios_wire import Wire
from tests.unit.fortios.sample_cli import ACTION, ALL, FEED, KEY, STITCH, TRIGGER

LOGIN = Login("fgt", "192.0.2.1", "admin", password="fortinet")
SSL_ON = "config vpn ssl settings\nset source-interface port1\nset source-address all\nend\n"
NO_KEYS = Access(Path("none"), accept_new=False)
FIRST = [CliBlock(f"b{n}.j2", text) for n, text in enumerate(ALL)]
# changes, makes and removes at once: a port, a log id, a second trigger, no enforcement any more
SECOND = [
    CliBlock("feed.j2", FEED.replace("feed-pass", "other-pass")),
    CliBlock("action.j2", ACTION.replace("5514", "5515").replace("s3cret", "n3w")),
    CliBlock(
        "new.j2", TRIGGER.replace("banstitch_login", "banstitch_admin").replace("39426", "32002")
    ),
    CliBlock("stitch.j2", STITCH.replace('trigger "banstitch_login"', 'trigger "banstitch_admin"')),
]


def read_objects(blocks: list[CliBlock], vdoms: bool) -> Desired:
    """Return the objects of ``blocks``; with VDOMs, SSL VPN is in `branch` and the rest is global."""
    if not vdoms:
        return read_blocks(blocks)
    named = [
        replace(each, text=each.text.replace("banstitch_feed", "g-banstitch_feed"))
        for each in blocks
    ]

    def scoped(each: DesiredObject) -> DesiredObject:
        scope = "branch" if each.id.startswith("vpn") else "global"
        return replace(each, id=f"{scope}/{each.id}")

    return Desired(tuple(map(scoped, read_blocks(named).objects)))


class RepeatedPush:
    """A push to one kind of FortiGate that can be repeated from the same start."""

    def __init__(self, wire: Wire, **options: Any) -> None:
        self.wire = wire
        self.options = Options(enc_stable=True, **options)
        self.vdoms = bool(self.options.vdoms)
        self.first = read_objects(FIRST, self.vdoms)
        self.second = read_objects(SECOND, self.vdoms)
        self.start = ""
        self.settled = Record()
        self.want = self.first
        self._completed: list[str] = []

    def from_second(self) -> RepeatedPush:
        """Deploy the first state, so that the push leads from there to the second."""
        self.reset()
        self.settled = self.apply(Record()).settled
        self.start = self.wire.fortigate.show()
        self.want = self.second
        self._completed = []
        return self

    def reset(self) -> Simulator:
        config = replace(self.options, config=self.start) if self.start else self.options
        self.wire.fortigate = Simulator(config)
        if not self.start:
            self.wire.fortigate.run_in("branch" if self.vdoms else "", SSL_ON)
        return self.wire.fortigate

    def session(self) -> FortiGateSession:
        return FortiGateSession(LOGIN, NO_KEYS)

    def apply(self, record: Record) -> FortiPlan:
        with self.session() as session:
            made = plan(self.want, session.observe(self.want, record), record, key=KEY)
            session.apply(made)
        return made

    def observed(self) -> tuple[FortiGateSession, FortiPlan]:
        session = self.session().__enter__()
        return session, plan(
            self.want, session.observe(self.want, self.settled), self.settled, key=KEY
        )

    def lines(self) -> list[str]:
        """Return the lines of an undisturbed push."""
        fortigate = self.reset()
        session, made = self.observed()
        fortigate.journal.clear()
        session.apply(made)
        return [line.text.strip() for line in fortigate.journal]

    def expect_as_before(self, disturb: Callable[[Simulator], Any]) -> str:
        """Push with a disturbance, which leaves nothing, and once more without, which completes it."""
        completed = self.find_completed()
        fortigate = self.reset()
        before = drop_uuids(fortigate.show())
        session, made = self.observed()
        disturb(fortigate)
        said = ""
        try:
            session.apply(made)
        except (RolledBack, Unreachable) as error:
            said = str(error)
            assert drop_uuids(fortigate.show()) == before, said
        else:
            assert drop_uuids(fortigate.show()) != before
        session.__exit__(None, None, None)
        calm(fortigate)
        self.apply(self.settled if said else made.settled)
        assert drop_uuids(fortigate.show()) == completed
        return said

    def find_completed(self) -> list[str]:
        """Return what the FortiGate shows after an undisturbed push, which leaves nothing to do."""
        if not self._completed:
            fortigate = self.reset()
            settled = self.apply(self.settled).settled
            with self.session() as look:
                observed = look.observe(self.want, settled)
            assert plan(self.want, observed, settled, key=KEY).changes == ()
            self._completed = drop_uuids(fortigate.show())
        return self._completed


def drop_uuids(shown: str) -> list[str]:
    """Return the lines of ``shown`` without UUIDs, which the FortiGate creates anew."""
    return [line for line in shown.splitlines() if "set uuid " not in line]


def cut_after(line: int, fortigate: Simulator) -> None:
    fortigate.faults.drop_after_line = line


def refuse(pattern: str, said: str, fortigate: Simulator) -> None:
    fortigate.faults.errors[pattern] = said


def refuse_line_once(pattern: str, error: str, fortigate: Simulator) -> None:
    fortigate.faults.refuse_once[pattern] = error


def calm(fortigate: Simulator) -> None:
    fortigate.faults = Faults()
