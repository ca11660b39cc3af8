"""Fixtures of sessions with a simulated FortiGate."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.ssh.connection import Access
from tests.fortigate_bounds import set_bounds
from tests.unit.fortios.fortios_wire import Wire


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
