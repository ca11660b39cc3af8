"""The audit is read newest first over its rotated files, whatever stands in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from banstitch_shared import audit_file
from banstitch_shared.audit_file import LONGEST, NewestLines, read_newest_first


def write(folder: Path, **files: str) -> str:
    """Write files of lines, each named by its age, and return the name of the newest."""
    for age, words in files.items():
        path = folder / audit_file.name_rotated("audit.log", int(age[1:]))
        path.write_text("".join(word + "\n" for word in words.split()))
    return str(folder / "audit.log")


def test_a_file_that_is_missing_for_a_moment_hides_no_older_one(tmp_path: Path) -> None:
    audit = write(tmp_path, _1="d c", _3="b a")
    assert list(read_newest_first(audit)) == [b"c", b"d", b"a", b"b"]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_plain_file_is_passed_over_or_an_error(tmp_path: Path, kind: str) -> None:
    audit = write(tmp_path, _0="c", _2="a")
    odd = tmp_path / "audit.log.1"
    if kind == "link":
        odd.symlink_to(audit)
    elif kind == "pipe":
        os.mkfifo(odd)
    else:
        odd.mkdir()
    assert list(read_newest_first(audit, lenient=True)) == [b"c", b"a"]
    with pytest.raises(OSError, match=r"."):
        list(read_newest_first(audit))


@pytest.mark.parametrize("most", [6, 8])
def test_only_as_many_lines_are_read_as_fit_and_it_is_known_whether_there_are_more(
    tmp_path: Path, most: int
) -> None:
    lines = NewestLines(write(tmp_path, _0="d", _2="c b a"), most)
    (tmp_path / "audit.log.1").mkdir()
    assert list(lines) == [b"d", b"a", b"b", b"c"][: most // 2]
    assert lines.are_cut == (most == 6)


@pytest.mark.parametrize("block", [7, 1000, 1 << 20])
def test_a_line_that_is_too_long_is_left_out_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(audit_file, "BLOCK", block)
    longest, longer = "x" * LONGEST, "y" * (LONGEST + 1)
    audit = write(tmp_path, _0=f"{longer} a {longer} b {longest} c", _1=longer)
    assert list(read_newest_first(audit)) == [b"c", longest.encode(), b"b", b"a"]


def test_of_a_file_only_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_file, "MOST_READ", 4)
    audit = write(tmp_path, _0="a b c d")
    assert list(read_newest_first(audit)) == [b"d", b"c"]
