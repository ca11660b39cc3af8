"""The receiver of the tests, with its files in a temporary directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.receiver.receiver_app import Receiver


@pytest.fixture
def receiver(tmp_path: Path) -> Receiver:
    """Return a receiver that serves the site of receiver_app.py."""
    return Receiver(tmp_path)
