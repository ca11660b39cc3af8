"""What the agent makes is whole, remembered, and can be taken back: files, the manifest, the journal."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from threading import Event

import pytest

from provision.linux.agent import foreign, host, memory, observe, steps
from provision.linux.agent.host import HostError
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import file, service
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.state import ManifestObject
from provision.linux.agent.protocol.steps import MakeDirectory, MakeUser, NewFile, Owe
from provision.linux.agent.protocol.wire import from_json, to_json
from tests import PROJECT
from tests.unit.agent.agent_model import ME, MY_GROUP, full_disk, take_back

MANIFEST_0_1 = PROJECT / "tests/fixtures/site_0_1/host/var/lib/banstitch/manifest.json"


def test_a_program_that_is_missing_or_hangs_is_an_error_in_words() -> None:
    assert host.run(["no-such-program-here"]) == (127, "no-such-program-here: not installed")
    assert "did not end within 0 s" in host.run(["sleep", "60"], timeout=0.01).output
    with pytest.raises(HostError, match="not installed"):
        host.must(["no-such-program-here"])


def test_a_program_ends_when_it_is_unwanted() -> None:
    unwanted = Event()
    assert host.run(["echo", "done"], unwanted=unwanted) == (0, "done")
    unwanted.set()
    assert host.run(["sleep", "60"], unwanted=unwanted).status == 124


def test_owners_without_a_name_are_numbers_that_can_be_given_back() -> None:
    assert host.owner_name(987654) == "987654"
    assert host.uid("987654") == host.gid("987654") == 987654


def test_the_manifest_is_read_back_as_it_was_saved_and_only_root_may(journal: Journal) -> None:
    memory.save(journal.manifest)
    assert memory.load() == journal.manifest
    assert stat.S_IMODE(Path(memory.path()).stat().st_mode) == 0o600


def test_the_manifest_of_release_0_1_is_read_and_written_as_it_was() -> None:
    written = json.loads(MANIFEST_0_1.read_text())
    manifest = from_json(memory.Manifest, written)
    assert to_json(manifest) == written
    states = [service.recall_state(unit.before) for unit in manifest.services.values()]
    assert {state.taken_by for state in states} == {""}


def test_a_restart_that_is_due_is_on_disk_before_anything_changes(journal: Journal) -> None:
    steps.TAKERS[Owe](Owe({"fail2ban.service": "restart"}), journal)
    found = memory.load()
    assert found is not None
    assert found.owed == {"fail2ban.service": "restart"}


def test_no_manifest_is_none(state: Path) -> None:
    assert memory.load() is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "damaged"),
        ('{"version": 99}', "run the release of Banstitch that wrote it"),
        ("[]", "damaged"),
        ('{"version": 1}', "damaged"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_an_error_and_stays(
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


def stage_file(path: Path, journal: Journal) -> NewFile:
    content = base64.b64encode(b"ours").decode()
    new = NewFile(str(path), 0o640, ME, MY_GROUP, content=content, check="", seen="any")
    file.stage([new], journal)
    return new


def test_a_file_put_in_place_and_taken_back_is_as_it_was(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"theirs \xff\x00")
    path.chmod(0o604)
    file.commit([stage_file(path, journal)], journal)
    assert path.read_bytes() == b"ours"

    take_back(f"file:{path}", journal, purge=False)

    assert path.read_bytes() == b"theirs \xff\x00"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert journal.manifest.objects == []


def test_a_failed_run_puts_the_file_back(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("theirs")
    file.commit([stage_file(path, journal)], journal)
    assert journal.undo() == []
    assert path.read_text() == "theirs"


def test_a_user_that_was_there_before_is_used_and_stays(journal: Journal) -> None:
    steps.take(MakeUser(ME, "/nonexistent"), journal)
    (shown,) = observe.summarize(journal.manifest).objects
    assert shown == ManifestObject(ResourceId("user", ME), restores=True, data=False)
    take_back(f"user:{ME}", journal, purge=True)
    assert host.has_user(ME)
    assert journal.manifest.objects == []


def test_a_data_folder_stays_with_what_is_in_it_and_goes_when_purged(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data"
    monkeypatch.setitem(foreign.OURS, str(path), "bans")
    steps.take(MakeDirectory(str(path), 0o750, ME, MY_GROUP, data=True), journal)
    (path / "bans").write_text("192.0.2.1")
    entry_of_it = list(journal.manifest.objects)
    take_back(f"directory:{path}", journal, purge=False)
    assert (path / "bans").exists()
    journal.manifest.objects = entry_of_it
    take_back(f"directory:{path}", journal, purge=True)
    assert not path.exists()
