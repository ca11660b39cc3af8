"""Fixtures of sessions with a simulated FortiGate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.ssh.connection import Access
from tests.fortigate_bounds import set_bounds
from tests.simulator import Options, Simulator
from tests.unit.fortios.fortios_wire import Wire
from tests.unit.fortios.sample_cli import SSL_ON


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """A wire to a simulated FortiGate; a test may replace its ``fortigate``."""
    return Wire(monkeypatch)


@pytest.fixture
def access(tmp_path: Path) -> Access:
    """The host keys of a user who accepts each new one."""
    return Access(tmp_path / "known_hosts", accept_new=True)


@pytest.fixture
def settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait only briefly for a prompt to be complete: loopback needs no more."""
    set_bounds(monkeypatch, settled=0.02)


@pytest.fixture
def fortigate(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Yield a FortiGate in use, whose console output is `more` or the parameter of the test."""
    console = getattr(request, "param", "more")
    options = Options(console=console, pager_lines=23, enc_stable=True)
    with Simulator(options) as simulator:
        simulator.run(SSL_ON)
        yield simulator
