"""Fixtures that tests of several folders use."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from provision.engine import fortigate
from provision.errors import Unreachable
from provision.linux.session import session
from tests.unit.cli.command_line import HOSTS, Cli
from tests.unit.inventory.inventories import write
from tests.unit.inventory.vault_files import VaultFiles, share_vault_files


@pytest.fixture(scope="session")
def vaulted(tmp_path_factory: pytest.TempPathFactory) -> VaultFiles:
    """Return values and files that ansible-vault has encrypted, once for all processes of pytest."""
    top = tmp_path_factory.getbasetemp()
    # a worker's folder stands in that of the whole run
    return share_vault_files(top.parent if "PYTEST_XDIST_WORKER" in os.environ else top)


@pytest.fixture(autouse=True, scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give tests a home of their own: nobody's ~/.ssh/config may decide about their results."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(home))
        yield home


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Return the command line, with a network that fails the test when it is used."""

    def contacted(*_: Any) -> NoReturn:
        pytest.fail("somebody was contacted")

    monkeypatch.setattr(session, "connect", contacted)
    monkeypatch.setattr(fortigate, "FortiGateSession", contacted)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return Cli(write(tmp_path / "inventory", hosts__yml=HOSTS), capsys)


@pytest.fixture
def offline(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Return the command line, with a network on which nobody answers."""

    def nobody(*_: Any) -> NoReturn:
        raise Unreachable("bh1 (root@192.0.2.10:22): no route to host", "check ansible_host")

    monkeypatch.setattr(session, "connect", nobody)
    return cli
