"""Check that files which the agent writes are whole, and that no link leads it astray."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from provision.linux.agent import host, steps
from provision.linux.agent.host import HostError
from provision.linux.agent.journal import Journal
from provision.linux.agent.paths import put_state, read_state
from provision.linux.agent.protocol.steps import Touch
from tests.unit.agent.agent_model import ME, MY_GROUP, full_disk


def write(path: Path, content: bytes) -> None:
    host.write(str(path), content, 0o640, ME, MY_GROUP)


def test_a_written_file_has_its_content_and_mode_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write(path, b"one")
    write(path, "zw\u00f6lf\x00".encode())
    assert path.read_bytes() == "zw\u00f6lf\x00".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_full_disk_leaves_the_old_file_whole_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    write(path, b"old")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "/etc/x: No space left on device; free some space there, then run again"),
        (errno.EROFS, "/etc/x: Read-only file system; mount it writable, then run again"),
        (errno.EDQUOT, "/etc/x: Disk quota exceeded; raise its quota, then run again"),
        (errno.EIO, "/etc/x: Input/output error"),
    ],
)
def test_an_error_of_the_system_names_the_path_and_what_to_do(number: int, words: str) -> None:
    assert host.explain(OSError(number, os.strerror(number), "/etc/x")) == words


def test_what_is_as_it_was_is_restored_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    write(path, b"old")
    before = read_state(str(path))
    monkeypatch.setattr(os, "fsync", full_disk)
    put_state(str(path), before)
    assert path.read_bytes() == b"old"


def test_a_link_where_the_staged_file_goes_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    path = tmp_path / "f"
    Path(host.staged_path(str(path))).symlink_to(victim)
    write(path, b"new")
    assert victim.read_text() == "mine"
    assert path.read_bytes() == b"new"


def test_owner_and_mode_are_never_given_through_a_link_that_the_receiver_put_there(
    tmp_path: Path, journal: Journal
) -> None:
    victim = tmp_path / "shadow"
    victim.write_text("secret")
    victim.chmod(0o600)
    log = tmp_path / "events.log"
    log.symlink_to(victim)
    with pytest.raises(HostError, match=r"events\.log is a link.*remove it"):
        host.give(str(log), 0o666, ME, MY_GROUP)
    steps.take(log_step(log), journal)
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600
    assert not log.is_symlink()
    assert stat.S_IMODE(log.stat().st_mode) == 0o666
    assert journal.undo() == []
    assert log.readlink() == victim
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["pipe", "folder", "hard link"])
def test_what_is_no_plain_log_is_kept_beside_it_under_another_name(
    tmp_path: Path, journal: Journal, kind: str
) -> None:
    log, theirs = tmp_path / "events.log", tmp_path / "theirs"
    theirs.write_text("theirs")
    theirs.chmod(0o600)
    {
        "pipe": lambda: os.mkfifo(log),
        "folder": lambda: log.mkdir(),
        "hard link": lambda: log.hardlink_to(theirs),
    }[kind]()
    steps.take(log_step(log), journal)
    assert log.read_text() == ""
    assert len(list(tmp_path.glob("events.log.odd-*"))) == 1
    assert (theirs.read_text(), stat.S_IMODE(theirs.stat().st_mode)) == ("theirs", 0o600)


def log_step(log: Path) -> Touch:
    return Touch(str(log), 0o666, ME, MY_GROUP)


def test_remove_takes_a_file_a_link_a_folder_and_nothing(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(kept)
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    for name in ("file", "link", "folder", "nothing"):
        host.remove(str(tmp_path / name))
    assert list(tmp_path.iterdir()) == [kept]
