"""Check that tokens are made once, and that their digests follow them."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from banstitch_shared.tokens import format_digests

from provision.linux.agent import rotation, steps
from provision.linux.agent.journal import Journal
from provision.linux.agent.protocol.steps import MakeDigests, MakeTokens
from provision.linux.agent.tokens_file import read_tokens
from tests.unit.agent.agent_model import ME, MY_GROUP


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


def test_a_failure_brings_back_the_tokens_that_fortigates_have(
    journal: Journal, tmp_path: Path
) -> None:
    path, beside = tmp_path / "tokens.json", tmp_path / "digests.json"
    digests = MakeDigests(str(beside), 0o600, ME, MY_GROUP, tokens=str(path))
    steps.take(tokens(path, "a", "b"), journal)
    steps.take(digests, journal)
    before = path.read_text(), beside.read_text()
    failed = Journal(journal.manifest)
    steps.take(tokens(path, "b", "c"), failed)
    steps.take(digests, failed)
    assert failed.undo() == []
    assert (path.read_text(), beside.read_text()) == before


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": 5}', "\udcff"])
def test_what_is_no_file_of_tokens_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read_tokens(str(path)) is None
