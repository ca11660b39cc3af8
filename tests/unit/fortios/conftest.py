"""Fixtures of sessions with a simulated FortiGate."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.ssh.connection import Access
from tests.unit.fortios.fortios_wire import Wire


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """A wire to a simulated FortiGate; what the test changes is its ``fortigate``."""
    return Wire(monkeypatch)


@pytest.fixture
def access(tmp_path: Path) -> Access:
    """Accept every host key."""
    return Access(tmp_path / "known_hosts", accept_new=True)
