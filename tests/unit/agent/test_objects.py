"""What the agent makes is whole, remembered, and can be taken back: files, the manifest, the journal."""

from __future__ import annotations

import errno
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from provision.linux.agent import data, host, memory, observe, rotation, steps
from provision.linux.agent.host import HostError
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import file, user
from provision.linux.agent.paths import put_state, read_state
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.state import ManifestObject
from provision.linux.agent.protocol.steps import (
    MakeDigests,
    MakeDirectory,
    MakeTokens,
    MakeUser,
    Touch,
)
from provision.linux.agent.tokens_file import read_tokens
from provision.linux.kinds.tokens import format_digests
from tests.unit.agent.agent_model import ME, MY_GROUP, full_disk, remember_in, take_back


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return remember_in(tmp_path / "state", monkeypatch)


@pytest.fixture
def journal(state: Path) -> Journal:
    state.mkdir()
    return Journal(memory.new())


def write(path: Path, content: bytes) -> None:
    host.write(str(path), content, 0o640, ME, MY_GROUP)


# --- host.py ---------------------------------------------------------------------------------------


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


def test_digests_are_those_that_the_planner_expects_and_follow_each_rotation(
    journal: Journal, tmp_path: Path
) -> None:
    path = tmp_path / "tokens.json"
    steps.take(replace(tokens(path, "a", "b"), mode=0o600), journal)
    beside = str(tmp_path / "digests.json")
    steps.take(MakeDigests(beside, 0o600, ME, MY_GROUP, tokens=str(path)), journal)

    def agree() -> bool:
        secrets = json.loads(path.read_text())
        found = (tmp_path / "digests.json").read_text()
        return found == format_digests(secrets) and not any(s in found for s in secrets.values())

    assert agree()
    secrets = json.loads(path.read_text())
    rotation.store(str(path), {**secrets, "a#old": secrets["a"], "a": "new-secret"})
    assert agree()
    rotation.retire(str(path), ["a"])
    assert agree()
    assert "a#old" not in json.loads((tmp_path / "digests.json").read_text())


def test_secrets_that_stay_stay_in_the_same_file(journal: Journal, tmp_path: Path) -> None:
    """The receiver of release 0.1 may not read a new one, and works on with what it has read."""
    path = tmp_path / "tokens.json"
    steps.take(tokens(path, "a"), journal)
    before = path.stat()
    steps.take(replace(tokens(path, "a"), mode=0o600), journal)
    now = path.stat()
    assert stat.S_IMODE(now.st_mode) == 0o600
    assert (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_remove_takes_a_file_a_link_a_folder_and_nothing(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(kept)
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    for name in ("file", "link", "folder", "nothing"):
        host.remove(str(tmp_path / name))
    assert list(tmp_path.iterdir()) == [kept]


def test_a_program_that_is_missing_or_hangs_is_told_in_words() -> None:
    assert host.run(["no-such-program-here"]) == (127, "no-such-program-here: not installed")
    assert "no end within 0 s" in host.run(["sleep", "60"], timeout=0.01).output
    with pytest.raises(HostError, match="not installed"):
        host.must(["no-such-program-here"])


def test_owners_without_a_name_are_numbers_that_can_be_given_back() -> None:
    assert host.owner_name(987654) == "987654"
    assert host.uid("987654") == host.gid("987654") == 987654


# --- memory.py -------------------------------------------------------------------------------------


def test_the_manifest_is_read_back_as_it_was_saved_and_only_root_may(journal: Journal) -> None:
    memory.save(journal.manifest)
    assert memory.load() == journal.manifest
    assert stat.S_IMODE(Path(memory.path()).stat().st_mode) == 0o600


def test_no_manifest_is_none(state: Path) -> None:
    assert memory.load() is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "damaged"),
        ('{"version": 99}', "run the toolkit that wrote it"),
        ("[]", "damaged"),
        ('{"version": 1}', "damaged"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_told_and_left(
    state: Path, text: str, words: str
) -> None:
    state.mkdir()
    Path(memory.path()).write_text(text)
    with pytest.raises(HostError, match=words):
        memory.load()
    assert Path(memory.path()).read_text() == text


def test_two_hosts_never_share_a_key() -> None:
    assert memory.new().key != memory.new().key


def test_one_run_at_a_time_holds_the_host(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PATIENCE", 0)
    with (
        memory.Lock(exclusive=True),
        pytest.raises(HostError, match="another run"),
        memory.Lock(exclusive=True),
    ):
        pass
    with memory.Lock(exclusive=True):
        pass


def test_looking_creates_nothing(state: Path) -> None:
    with memory.Lock(exclusive=False):
        pass
    assert not state.exists()


# --- objects.py ------------------------------------------------------------------------------------


def test_what_stood_there_before_is_remembered_once_and_on_disk(journal: Journal) -> None:
    identity = ResourceId("file", "/x")
    journal.own(identity, {"content": "theirs"})
    journal.own(identity, {"content": "ours by now"})
    found = json.loads(Path(memory.path()).read_text())
    assert found["objects"] == [{"id": "file:/x", "before": {"content": "theirs"}, "data": False}]
    journal.disown(identity)
    assert json.loads(Path(memory.path()).read_text()) == {**found, "objects": []}


def test_undo_goes_backwards_and_on_after_a_failure(journal: Journal) -> None:
    done: list[str] = []
    journal.on_failure(lambda: done.append("first"))
    journal.on_failure(full_disk)
    journal.on_failure(lambda: done.append("last"))
    assert journal.undo() == [
        "this host: No space left on device; free some space there, then run again"
    ]
    assert done == ["last", "first"]


def test_a_file_put_in_place_and_taken_back_is_as_it_was(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"theirs \xff\x00")
    path.chmod(0o604)
    host.stage(str(path), b"ours", 0o640, ME, MY_GROUP)
    file.commit(str(path), journal)
    assert path.read_bytes() == b"ours"

    take_back(f"file:{path}", journal, purge=False)

    assert path.read_bytes() == b"theirs \xff\x00"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert journal.manifest.objects == []


def test_a_failed_run_puts_the_file_back(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("theirs")
    host.stage(str(path), b"ours", 0o640, ME, MY_GROUP)
    file.commit(str(path), journal)
    assert journal.undo() == []
    assert path.read_text() == "theirs"


def test_a_user_that_was_there_before_is_used_and_stays(journal: Journal) -> None:
    steps.take(MakeUser(ME, "/nonexistent"), journal)
    (shown,) = observe.summarize(journal.manifest).objects
    assert shown == ManifestObject(ResourceId("user", ME), restores=True, data=False)
    take_back(f"user:{ME}", journal, purge=True)
    assert user.exists(ME)
    assert journal.manifest.objects == []


def tokens(path: Path, *names: str) -> MakeTokens:
    return MakeTokens(str(path), 0o640, ME, MY_GROUP, names=names)


def test_tokens_are_made_once_kept_and_dropped_by_name(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    steps.take(tokens(path, "a", "b"), journal)
    first = json.loads(path.read_text())
    steps.take(tokens(path, "b", "c"), journal)
    second = json.loads(path.read_text())
    assert set(second) == {"b", "c"}
    assert second["b"] == first["b"]
    assert len({*first.values(), *second.values()}) == 3


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": 5}', "\udcff"])
def test_what_is_no_file_of_tokens_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read_tokens(str(path)) is None


def test_a_data_folder_stays_with_what_is_in_it_and_goes_when_purged(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data"
    monkeypatch.setitem(data.OURS, str(path), "bans")
    steps.take(MakeDirectory(str(path), 0o750, ME, MY_GROUP, data=True), journal)
    (path / "bans").write_text("192.0.2.1")
    entry_of_it = list(journal.manifest.objects)
    take_back(f"directory:{path}", journal, purge=False)
    assert (path / "bans").exists()
    journal.manifest.objects = entry_of_it
    take_back(f"directory:{path}", journal, purge=True)
    assert not path.exists()
