"""Fixtures for tests of logins."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.ssh.connection import Access


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
