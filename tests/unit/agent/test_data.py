"""Of the directories that are ours, what somebody else put there is listed and left."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from banstitch_shared import quiet_hours

from provision.linux.agent import data, foreign, memory, steps
from provision.linux.agent.journal import Journal
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.steps import MakeDirectory, Touch
from tests.unit.agent.agent_model import ME, MY_GROUP, remember_in, take_back

LOGS = foreign.OURS["/var/log/banstitch"]
SPOOL = foreign.OURS["/var/spool/banstitch"]
MODE = 0o750


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = remember_in(tmp_path / "state", monkeypatch)
    folder.mkdir()
    return folder


@pytest.fixture
def journal(state: Path) -> Journal:
    return Journal(memory.new())


def make_directory(path: Path, journal: Journal, data: bool) -> None:
    steps.take(MakeDirectory(str(path), MODE, ME, MY_GROUP, data=data), journal)


@pytest.fixture
def logs(journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our directory of logs, with an event log that the manifest names."""
    path = tmp_path / "log"
    monkeypatch.setitem(foreign.OURS, str(path), LOGS)
    make_directory(path, journal, data=True)
    steps.take(Touch(str(path / "events.log"), MODE, ME, MY_GROUP), journal)
    return path


def remove(logs: Path, journal: Journal, purge: bool = True) -> None:
    for identity in (f"file:{logs / 'events.log'}", f"directory:{logs}"):
        take_back(identity, journal, purge)


def list_names(journal: Journal) -> dict[str, list[str]]:
    return {path: each.names for path, each in foreign.list_foreign(journal.manifest).items()}


@pytest.mark.parametrize(
    "name",
    [
        "events.log",
        "events.log.1",
        "events.log.2.gz",
        "events.log.520.gz",
        "events.log.new",
        "events.log.1.new",
        "rejected.log",
        "rejected.log.1",
        "evidence.log.1",
        "audit.log",
        "audit.log.9",
        ".events.log.banstitch.dpkg-new",
    ],
)
def test_each_log_that_we_write_is_ours(name: str, logs: Path, journal: Journal) -> None:
    (logs / name).write_text("x")
    assert list_names(journal) == {}
    remove(logs, journal)
    assert not logs.exists()


def test_each_file_of_the_spool_is_ours(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "spool"
    monkeypatch.setitem(foreign.OURS, str(path), SPOOL)
    make_directory(path, journal, data=True)
    for ending in ("bans", "bans.new", "alive"):
        (path / f"banstitch-sslvpn_login_failed.{ending}").write_text("x")
    for name in ("limit.json", "limit.json.lock"):
        (path / name).write_text("x")
    assert list_names(journal) == {}
    take_back(f"directory:{path}", journal, purge=True)
    assert not path.exists()


def a_file(path: Path) -> None:
    path.write_text("theirs")


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "events.log").write_text("theirs")


def a_link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "elsewhere")


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


FOREIGN: dict[str, tuple[Callable[[Path], None], str]] = {
    "a file of somebody": (a_file, "notes.txt"),
    "a copy": (a_file, "events.log.bak"),
    "a log of another name": (a_file, "xevents.log"),
    "a number that no rotation gives": (a_file, "events.log.0"),
    "a line break after our name": (a_file, "events.log\n"),
    "a hidden file": (a_file, ".keep"),
    "a folder": (a_folder, "old"),
    "a folder of our name": (a_folder, "rejected.log"),
    "a link of our name": (a_link, "rejected.log"),
    "a FIFO of our name": (a_fifo, "rejected.log"),
}


@pytest.mark.parametrize(
    "name", ["checkpoint.json", "alarms.json.new", "shield.json", quiet_hours.NAME]
)
def test_each_file_of_the_rules_is_ours(name: str) -> None:
    assert foreign.is_ours("/var/lib/banstitch-rules", name)


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_not_ours_is_listed_and_stays_as_it_is(
    what: str, logs: Path, journal: Journal
) -> None:
    make, name = FOREIGN[what]
    elsewhere = logs.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "events.log").write_text("theirs")
    make(logs / name)
    before = (logs / name).lstat()
    (logs / "events.log.1").write_text("ours")
    assert list_names(journal) == {str(logs): [name]}

    remove(logs, journal)

    assert [path.name for path in logs.iterdir()] == [name]
    now = (logs / name).lstat()
    assert (now.st_ino, now.st_mode, now.st_uid) == (before.st_ino, before.st_mode, before.st_uid)
    assert (elsewhere / "events.log").read_text() == "theirs"
    assert journal.manifest.objects == []


@pytest.mark.parametrize("make", [a_folder, a_link, a_fifo])
def test_what_was_put_in_the_place_of_a_log_of_the_manifest_stays(
    make: Callable[[Path], None], logs: Path, journal: Journal
) -> None:
    (logs / "events.log").unlink()
    make(logs / "events.log")
    assert list_names(journal) == {str(logs): ["events.log"]}
    remove(logs, journal)
    assert os.path.lexists(logs / "events.log")


def test_a_link_in_the_place_of_the_directory_is_not_followed(logs: Path, journal: Journal) -> None:
    real = logs.rename(logs.parent / "real")
    logs.symlink_to(real)
    assert list_names(journal) == {}
    take_back(f"directory:{logs}", journal, purge=True)
    assert (real / "events.log").exists()


def test_a_name_of_any_bytes_can_be_answered(logs: Path, journal: Journal) -> None:
    Path(os.fsdecode(os.fsencode(logs) + b"/\xff")).write_text("theirs")
    assert list_names(journal) == {str(logs): ["\\xff"]}


def test_a_thousand_names_are_not_listed_but_counted_as_more(logs: Path, journal: Journal) -> None:
    for number in range(1000):
        (logs / f"theirs{number}").write_text("")
    (found,) = foreign.list_foreign(journal.manifest).values()
    assert len(found.names) == foreign.LISTED
    assert found.more is True


def test_foreign_files_beside_files_of_ours_are_listed_as_well(
    journal: Journal, tmp_path: Path
) -> None:
    path = tmp_path / "etc"
    make_directory(path, journal, data=False)
    (path / "__pycache__").mkdir()
    (path / "theirs.conf").write_text("theirs")
    assert list_names(journal) == {str(path): ["theirs.conf"]}


def test_a_folder_in_the_place_of_a_file_of_ours_is_listed_and_stays(
    journal: Journal, tmp_path: Path
) -> None:
    path = tmp_path / "etc"
    make_directory(path, journal, data=False)
    journal.own(ResourceId("file", f"{path}/ours.conf"), None)
    (path / "ours.conf").mkdir()
    (path / "ours.conf" / "x").write_text("theirs")
    assert list_names(journal) == {str(path): ["ours.conf"]}
    take_back(f"file:{path}/ours.conf", journal, purge=True)
    assert (path / "ours.conf" / "x").exists()


def test_a_directory_that_was_there_before_us_is_nobodys_business(
    journal: Journal, tmp_path: Path
) -> None:
    path = tmp_path / "theirs"
    path.mkdir()
    (path / "x").write_text("theirs")
    make_directory(path, journal, data=False)
    assert list_names(journal) == {}


def test_the_agents_own_directory_goes_unless_something_else_is_in_it(
    state: Path, journal: Journal
) -> None:
    memory.save(journal.manifest)
    (state / "check").mkdir()
    (state / "check" / "x.service").write_text("of a run that was killed")
    (state / "theirs").write_text("theirs")
    assert list_names(journal) == {str(state): ["theirs"]}
    data.forget()
    assert [path.name for path in state.iterdir()] == ["theirs"]
    (state / "theirs").unlink()
    data.forget()
    assert not state.exists()


def test_a_log_that_is_handed_to_root_can_be_written_by_the_group_at_every_moment(
    logs: Path,
) -> None:
    """The receiver of release 0.1 appends to it as the group until it restarts."""
    log, rotated = logs / "events.log", logs / "events.log.1"
    rotated.touch()
    for file in (log, rotated):
        file.chmod(0o640)
        if os.geteuid() == 0:
            os.chown(file, 12345, -1)
    data.hand_over(str(logs), ME, MY_GROUP)
    assert log.stat().st_mode & 0o777 == 0o660
    assert rotated.stat().st_mode & 0o777 == 0o640
    assert log.stat().st_uid == rotated.stat().st_uid == os.geteuid()


def test_a_log_that_root_gave_to_another_group_stays_as_it_is(logs: Path) -> None:
    ours, theirs = logs / "rules.log", logs / "events.log"
    for file, group in ((ours, grp.getgrnam("daemon").gr_gid), (theirs, 0)):
        file.touch()
        os.chown(file, 0, group)
    data.hand_over(str(logs), "root", "sys")
    assert ours.stat().st_gid == grp.getgrnam("daemon").gr_gid
    assert theirs.stat().st_gid == grp.getgrnam("sys").gr_gid


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_folders_of_any_depth_that_their_user_made_become_roots(
    logs: Path, journal: Journal
) -> None:
    nobody = pwd.getpwnam("nobody")
    journal.own(ResourceId("user", "nobody"), None)
    folders = [os.open(logs, os.O_RDONLY)]
    for _ in range(1200):
        os.mkdir("deep", dir_fd=folders[-1])
        folders.append(os.open("deep", os.O_RDONLY, dir_fd=folders[-1]))
        os.close(folders.pop(-2))
        os.fchown(folders[-1], nobody.pw_uid, nobody.pw_gid)
    remove(logs, journal)
    about = os.fstat(folders[-1])
    os.close(folders[-1])
    assert (about.st_uid, about.st_gid) == (0, 0)
    subprocess.run(["rm", "-r", "--", logs / "deep"], check=True)
