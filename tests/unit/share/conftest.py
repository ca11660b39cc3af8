"""Fixtures of shared bans."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.share.peers_world import Authority, write_bans


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return the CA of the group."""
    return Authority(tmp_path)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Return the folder of the ban files of site a."""
    folder = tmp_path / "spool"
    folder.mkdir()
    write_bans(folder, {})
    return folder


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """Return the folder where site b keeps what it takes."""
    folder = tmp_path / "memory"
    folder.mkdir()
    return folder
