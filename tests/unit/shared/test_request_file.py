"""Requests to root reach the spool whole, or not at all."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from banstitch_shared.request_file import write_request


def test_a_request_that_a_full_disk_would_cut_is_not_left_for_root(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        with pytest.raises(OSError, match="No space left on device"):
            write_request(str(tmp_path), "x" * 100, 1_800_000_000.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert list(tmp_path.iterdir()) == []
