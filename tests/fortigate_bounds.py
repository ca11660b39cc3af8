"""Shorten how long sessions wait for a FortiGate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from provision.fortios.session.terminal import Terminal


def set_bounds(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Give every session to a FortiGate these bounds while the test runs."""
    monkeypatch.setattr(Terminal, "bounds", replace(Terminal.bounds, **changes))
