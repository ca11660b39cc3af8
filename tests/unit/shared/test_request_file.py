"""Requests to root reach the spool whole, or not at all."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from banstitch_shared import request_file
from banstitch_shared.request_file import write_request

NAME = "1800000000000-0123abcd.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of requests."""
    found = tmp_path / "requests"
    found.mkdir()
    return found


def take(folder: Path) -> list[bytes]:
    return list(request_file.take_requests(str(folder), os.getuid()))


def test_a_request_that_a_full_disk_would_cut_is_not_left_for_root(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        with pytest.raises(OSError, match="No space left on device"):
            write_request(str(tmp_path), "x" * 100, 1_800_000_000.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert list(tmp_path.iterdir()) == []


def test_requests_are_taken_once_and_in_order(folder: Path) -> None:
    for number in (2, 1, 3):
        (folder / f"180000000000{number}-0123abcd.json").write_text(str(number))
    (folder / "1800000000009-0123abcd.json.new").write_text("half")
    assert take(folder) == [b"1", b"2", b"3"]
    assert [path.name for path in folder.iterdir()] == ["1800000000009-0123abcd.json.new"]


def _link(path: Path) -> None:
    target = path.parent.parent / "secret"
    target.write_text("secret")
    path.symlink_to(target)


def _second_name(path: Path) -> None:
    target = path.parent.parent / "secret"
    target.write_text("secret")
    path.hardlink_to(target)


def _folder(path: Path) -> None:
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "file").touch()


def _deep_folder(path: Path) -> None:
    path.mkdir()
    folder = os.open(path, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deep", dir_fd=folder)
        inner = os.open("deep", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)


@pytest.mark.parametrize(
    "make",
    [
        _link,
        _second_name,
        _folder,
        _deep_folder,
        lambda path: os.mkfifo(path),
        lambda path: path.write_bytes(b"x" * 5000),
    ],
)
def test_what_is_no_plain_small_file_is_removed_unread(
    folder: Path, make: Callable[[Path], object]
) -> None:
    make(folder / NAME)
    assert take(folder) == []
    assert list((folder).iterdir()) == []
    secret = folder.parent / "secret"
    assert not secret.exists() or secret.read_text() == "secret"


def test_files_of_others_and_with_other_names_are_removed_unread(folder: Path) -> None:
    (folder / "x.json").write_text("{}")
    (folder / NAME).write_text("{}")
    assert list(request_file.take_requests(str(folder), os.getuid() + 1)) == []
    assert list((folder).iterdir()) == []


def test_more_names_than_fit_into_the_memory_are_taken_part_by_part(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_file, "MOST_NAMES", 3)
    for number in range(5):
        (folder / f"180000000000{number}-0123abcd.json").write_text(str(number))
    first, second = take(folder), take(folder)
    assert (len(first), len(second)) == (3, 2)
    assert sorted(first + second) == [b"0", b"1", b"2", b"3", b"4"]
