"""Fixtures of the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from page import acting

from tests.unit.page.page_model import Page


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """A page before which root does nothing, so that no act waits for it."""
    monkeypatch.setattr(acting, "PATIENCE", 0)
    return Page(tmp_path)
