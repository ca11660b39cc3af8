"""Start sessions of the product over a wire to a simulated FortiGate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from provision.fortios.session.fortigate import FortiGateSession
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.simulator import Options, Simulator
from tests.unit.fortios.fortios_wire import Wire

LOGIN = Login("fgt", "192.0.2.1", "operator", password="fortinet")


def start_session(wire: Wire, **options: Any) -> FortiGateSession:
    """Return a session with a new FortiGate that has these ``options``."""
    wire.fortigate = Simulator(Options(enc_stable=True, **options))
    return start_again(wire)


def start_again(wire: Wire) -> FortiGateSession:
    """Return another session with the same FortiGate, whose journal begins anew."""
    wire.fortigate.journal.clear()
    return FortiGateSession(LOGIN, Access(Path("none"), accept_new=False))
