"""Fixtures of tests of ban hosts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.unit.ssh.shell_server import ShellServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ShellServer]:
    with ExitStack() as stack:
        yield stack.enter_context(ShellServer(tmp_path))
