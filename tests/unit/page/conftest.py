"""Fixtures of the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from page import acting, carrying

from tests.unit.page.page_model import Calls, Page


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """A page before which root does nothing, so that no act waits for it."""
    monkeypatch.setattr(acting, "PATIENCE", 0)
    return Page(tmp_path)


@pytest.fixture
def calls(page: Page, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Return the calls to fail2ban, whose action ends the bans of allowed addresses."""
    found: Calls = []

    def ask(jail: str, method: str, details: dict[str, str]) -> None:
        found.append((jail, method, details))
        if details.get("what") == "allow":
            for jail in page.settings.jails:
                page.hold(jail=jail)

    monkeypatch.setattr(carrying, "call_action", ask)
    monkeypatch.setattr(carrying, "STATE", str(page.folder))
    return found
