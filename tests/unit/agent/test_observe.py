"""A look reads each file, and answers with the content only where it is not the desired one."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from provision.linux.agent.observe import observe_host
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.state import Observed
from tests.unit.agent.agent_model import remember_in


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file with the content b"found" on a host without a manifest."""
    remember_in(tmp_path / "state", monkeypatch)
    path = tmp_path / "file"
    path.write_bytes(b"found")
    return path


def look(path: Path, desired: bytes | None = None, is_log: bool = False) -> Observed:
    """Return what a look finds that desires this content at ``path``."""
    digests = {} if desired is None else {str(path): digest(desired)}
    logs = [str(path)] if is_log else []
    return observe_host(Observe(paths=[str(path)], desired=digests, logs=logs))


def read_content(observed: Observed, path: Path) -> bytes | None:
    state = observed.paths[str(path)]
    assert state is not None
    return None if state.content is None else base64.b64decode(state.content)


def test_the_desired_content_is_not_sent_back(path: Path) -> None:
    observed = look(path, b"found")
    assert observed.as_desired == [str(path)]
    assert read_content(observed, path) is None


@pytest.mark.parametrize("desired", [None, b"other", b"foun", b"found "])
def test_any_other_content_is_sent_whole(path: Path, desired: bytes | None) -> None:
    observed = look(path, desired)
    assert observed.as_desired == []
    assert read_content(observed, path) == b"found"


def test_a_content_that_is_not_read_is_never_the_desired_one(path: Path) -> None:
    assert look(path, b"found", is_log=True).as_desired == []
    path.unlink()
    assert look(path, b"").as_desired == []
    path.mkdir()
    assert look(path, b"").as_desired == []


def test_the_digest_tells_contents_apart_and_not_what_is_desired(path: Path) -> None:
    first = look(path, b"found").digest
    assert look(path, b"other").digest == look(path).digest == first
    path.write_bytes(b"other")
    assert look(path, b"other").digest != first
