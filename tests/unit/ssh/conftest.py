"""Fixtures for tests of logins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.ssh.connection import Access
from tests.unit.ssh.ssh_agent import Agent


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a home without keys; there is no ssh-agent."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir()
    return tmp_path


@pytest.fixture
def access(home: Path) -> Access:
    """Return an access that trusts new host keys."""
    return Access(home / "known_hosts", accept_new=True)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Agent]:
    running = Agent(tmp_path)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(running.socket))
    try:
        yield running
    finally:
        running.stop()
