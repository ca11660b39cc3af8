"""A run on the ban host is all of it or nothing: checkers, a full disk, a kill, what cannot be put back."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from provision.linux.agent import apply, checkers, host, manifest, objects, services, steps
from provision.linux.agent.checkers import CHECK
from provision.linux.agent.host import HostError, Ran
from provision.linux.agent.steps import DO
from tests.unit.agent.agent_model import ME, MY_GROUP, full_disk, remember_in


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return remember_in(tmp_path / "state", monkeypatch)


def files_step(path: Path, content: bytes = b"ours", check: str = "") -> dict[str, Any]:
    encoded = base64.b64encode(content).decode()
    file = {"path": str(path), "content": encoded, "mode": 0o644, "check": check, "seen": ""}
    file.update(owner=ME, group=MY_GROUP)
    return {"do": "files", "files": [file], "remove": [], "fail2ban_check": False}


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program is started: each one succeeds and says nothing."""
    for module in (apply, checkers, steps):
        monkeypatch.setattr(module, "run", lambda *_, **__: Ran(0, ""))
    monkeypatch.setattr(steps, "must", lambda *_, **__: "")
    monkeypatch.setattr(apply, "observe", lambda _: {"digest": "as seen"})


def applied(*steps: dict[str, Any]) -> dict[str, Any]:
    return apply.apply({"verb": "apply", "steps": list(steps), "observe": {}, "seen": "as seen"})


def test_a_checker_that_refuses_leaves_everything_as_it_was(
    quiet: None, state: Path, tmp_path: Path
) -> None:
    path = tmp_path / "app.py"
    with pytest.raises(HostError, match=r"no valid Python[\s\S]*everything is as it was"):
        applied(files_step(path, b"def (", "python"))
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_activated_nothing_reloads_nothing_when_it_is_undone(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload of a configuration that an operator has broken would stop jails that still run."""
    running = {"active": True, "enabled": True}
    monkeypatch.setattr(apply, "service_state", lambda *_: running)
    monkeypatch.setattr(services, "put_back", lambda *_: pytest.fail("it was reloaded"))
    service = {"do": "service", "name": "fail2ban.service", "reload_command": []}
    with pytest.raises(HostError, match="everything is as it was"):
        applied(files_step(tmp_path / "app.py", b"def (", "python"), service)


def test_what_changed_since_the_plan_is_not_overwritten(
    quiet: None, state: Path, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_text("just written by somebody")
    with pytest.raises(HostError, match="changed since the plan"):
        applied(files_step(path))
    assert path.read_text() == "just written by somebody"


def test_a_host_that_is_not_as_it_was_seen_is_not_changed(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = {"digest": "another"}
    monkeypatch.setattr(apply, "observe", lambda _: moved)
    assert applied(files_step(tmp_path / "f")) == {"moved": True, "notes": [], "observed": moved}
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_while_staging_leaves_nothing_behind(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    fsync = os.fsync

    def full_for_it(descriptor: int) -> None:
        if str(Path(f"/proc/self/fd/{descriptor}").readlink()) == host.staged_path(str(path)):
            full_disk()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full_for_it)
    with pytest.raises(HostError, match="No space left"):
        applied(files_step(path))
    assert list(tmp_path.iterdir()) == []


def test_a_run_killed_while_staging_leaves_nothing_after_the_next_teardown(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"

    class Killed(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise Killed

    monkeypatch.setitem(CHECK, "python", killed)
    with pytest.raises(Killed):
        applied(files_step(path, b"1", "python"))
    found = manifest.load()
    ours = [e["id"] for e in found["objects"]] if found else []

    steps = [{"do": "take-back", "ids": ours, "purge": False}, {"do": "forget"}]
    apply.apply({"verb": "teardown", "steps": steps, "observe": {}, "seen": "as seen"})

    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_put_back_is_still_remembered_as_ours(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"

    def cannot(*_: Any) -> None:
        raise HostError("cannot put it back")

    monkeypatch.setattr(objects, "put_path", cannot)
    monkeypatch.setitem(DO, "jail", cannot)
    with pytest.raises(HostError, match="did not fully succeed"):
        applied(files_step(path), {"do": "jail"})

    found = manifest.load()
    assert found is not None
    assert [entry["id"] for entry in found["objects"]] == [f"file:{path}"]
