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


def objects(blocks: list[CliBlock], vdoms: bool) -> Desired:
    """What ``blocks`` say; with VDOMs SSL VPN is for `branch`, the rest global, its feed `g-...`."""
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
    """One kind of FortiGate, and a push to it that is repeated from the same start as often as needed."""

    def __init__(self, wire: Wire, **options: Any) -> None:
        self.wire = wire
        self.options = Options(enc_stable=True, **options)
        self.vdoms = bool(self.options.vdoms)
        self.first = objects(FIRST, self.vdoms)
        self.second = objects(SECOND, self.vdoms)
        self.start = ""
        self.settled = Record()
        self.want = self.first

    def from_second(self) -> RepeatedPush:
        """The push in question is one from the first state to the second."""
        self.reset()
        self.settled = self.apply(Record()).settled
        self.start = self.wire.fortigate.show()
        self.want = self.second
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
        """The lines of an undisturbed push."""
        fortigate = self.reset()
        session, made = self.observed()
        fortigate.journal.clear()
        session.apply(made)
        return [line.text.strip() for line in fortigate.journal]

    def expect_as_before(self, disturb: Callable[[Simulator], Any]) -> str:
        """Push with a disturbance: nothing stays; then once more without: all is there."""
        fortigate = self.reset()
        before = known(fortigate.show())
        session, made = self.observed()
        disturb(fortigate)
        said = ""
        try:
            session.apply(made)
        except (RolledBack, Unreachable) as error:
            said = str(error)
            assert known(fortigate.show()) == before, said
        else:
            assert known(fortigate.show()) != before
        session.__exit__(None, None, None)
        calm(fortigate)
        again = self.apply(self.settled if said else made.settled)
        with self.session() as look:
            settled = again.settled
            assert plan(self.want, look.observe(self.want, settled), settled, key=KEY).changes == ()
        return said


def known(shown: str) -> list[str]:
    """``show`` without what the FortiGate makes up anew."""
    return [line for line in shown.splitlines() if "set uuid " not in line]


def cut_after(line: int, fortigate: Simulator) -> None:
    fortigate.faults.drop_after_line = line


def refuse(pattern: str, said: str, fortigate: Simulator) -> None:
    fortigate.faults.errors[pattern] = said


def refuse_line_once(pattern: str, error: str, fortigate: Simulator) -> None:
    fortigate.faults.refuse_once[pattern] = error


def calm(fortigate: Simulator) -> None:
    fortigate.faults = Faults()
