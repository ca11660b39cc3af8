"""Fixtures of the command line."""

from __future__ import annotations

import pytest

from tests.unit.cli.command_line import Cli
from tests.unit.cli.fleet import Fleet, create_fleet


@pytest.fixture
def fleet(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """Return five sites at which nothing is contacted."""
    return create_fleet(cli, monkeypatch)
