"""The fail2ban server of the tests of the action."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.action.action_model import Server, installed


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Install the action on a modelled server, and stop it after the test."""
    server = installed(tmp_path, monkeypatch)
    yield server
    if server.action is not None:
        server.action.stop()
