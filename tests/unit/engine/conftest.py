"""Fixtures of the tests of the engine."""

from __future__ import annotations

import pytest

from provision.engine import fortigate
from provision.linux.session import kept_session
from tests.unit.engine.site_model import FakeBanHost, FakeUnit, World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a site that nobody has deployed, to which every session of the test connects."""
    world = World()
    monkeypatch.setattr(kept_session, "BanHostSession", lambda *args: FakeBanHost(world, *args))
    monkeypatch.setattr(fortigate, "FortiGateSession", lambda *args: FakeUnit(world, *args))
    return world
