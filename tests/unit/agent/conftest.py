"""Fixtures of tests of the agent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from banstitch_shared.ban_file import HEAD

from provision.linux.agent import bans, memory
from provision.linux.agent.journal import Journal
from tests.unit.agent.agent_model import remember_in
from tests.unit.agent.bans_model import SOON, Fail2ban


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return remember_in(tmp_path / "state", monkeypatch)


@pytest.fixture
def journal(state: Path) -> Journal:
    state.mkdir()
    return Journal(memory.new())


@pytest.fixture
def fail2ban(monkeypatch: pytest.MonkeyPatch) -> Fail2ban:
    """Return a fail2ban that carries out its orders, on a deployed host."""
    found = Fail2ban()
    monkeypatch.setattr(bans, "client", found)
    monkeypatch.setattr(memory, "load", memory.new)
    return found


@pytest.fixture
def spool(tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes the bans of a jail and returns the spool."""

    def with_bans(jail: str, *addresses: str, until: int = SOON, failures: int = 3) -> str:
        lines = [f"{address} {until} {SOON - 7200} {failures} 1" for address in addresses]
        text = "\n".join([HEAD, *lines, f"end {len(lines)}", ""])
        (tmp_path / f"{jail}.bans").write_text(text)
        return str(tmp_path)

    return with_bans
