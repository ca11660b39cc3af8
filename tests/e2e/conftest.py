"""Sites on the lab for end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.fortigate_bounds import set_bounds


@pytest.fixture
def linux_site(tmp_path: Path, ready_root: Path) -> Iterator[LabSite]:
    """A ban host without FortiGates, its packages installed but nothing deployed."""
    with LabSite(tmp_path / "inventory", ready_root) as site:
        yield site


@pytest.fixture
def site(tmp_path: Path, ready_root: Path) -> Iterator[LabSite]:
    """A ban host and one FortiGate, nothing deployed."""
    with LabSite(tmp_path / "inventory", ready_root, [fortigate_options()]) as lab:
        yield lab


@pytest.fixture
def settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback needs no long wait to know that a prompt is the last thing said."""
    set_bounds(monkeypatch, settled=0.02)
