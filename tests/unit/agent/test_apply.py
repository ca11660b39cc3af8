"""A run on the ban host is all of it or nothing: checkers, a full disk, a kill, what cannot be put back."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from provision.linux.agent import (
    apply,
    checkers,
    fail2ban,
    fail2ban_check,
    host,
    memory,
    steps,
)
from provision.linux.agent.checkers import CHECK
from provision.linux.agent.host import HostError, Ran
from provision.linux.agent.kinds import file, package, service
from provision.linux.agent.protocol.answers import Applied
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.requests import Apply
from provision.linux.agent.protocol.state import Facts, Observed, ServiceState
from provision.linux.agent.protocol.steps import (
    AwaitJail,
    BringUp,
    Forget,
    Install,
    NewFile,
    PutFiles,
    Step,
    TakeBack,
)
from provision.linux.agent.steps import TAKERS
from provision.linux.observation import assume_untouched
from tests.unit.agent.agent_model import ME, MY_GROUP, full_disk, remember_in


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return remember_in(tmp_path / "state", monkeypatch)


def files_step(path: Path, content: bytes = b"ours", check: str = "") -> PutFiles:
    encoded = base64.b64encode(content).decode()
    new = NewFile(str(path), 0o644, ME, MY_GROUP, content=encoded, check=check, seen="")
    return PutFiles((new,), (), fail2ban_check=False)


def observed(digest: str = "as seen") -> Observed:
    """What a look finds on a host of which only the digest matters."""
    return replace(assume_untouched(()), digest=digest)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program is started: each one succeeds and says nothing."""
    for module in (apply, checkers):
        monkeypatch.setattr(module, "run", lambda *_, **__: Ran(0, ""))
    monkeypatch.setattr(steps, "must", lambda *_, **__: "")
    monkeypatch.setattr(apply, "observe_host", lambda _: observed())


def applied(*taken: Step, verb: str = "apply") -> Applied:
    return apply.apply_steps(Apply(verb, taken, Observe(), "as seen"))


def test_a_checker_that_refuses_leaves_everything_as_it_was(
    quiet: None, state: Path, tmp_path: Path
) -> None:
    path = tmp_path / "app.py"
    with pytest.raises(HostError, match=r"must be valid Python[\s\S]*everything is as it was"):
        applied(files_step(path, b"def (", "python"))
    assert list(tmp_path.iterdir()) == []


def test_units_are_checked_together_and_a_wrong_one_is_named(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def verify(argv: list[str]) -> Ran:
        asked.append([Path(word).name for word in argv])
        assert all(Path(word).read_bytes() == b"ours" for word in argv[3:])
        return Ran(0, f"{argv[4]}:1: Assignment outside of section. Ignoring.")

    monkeypatch.setattr(checkers, "run", verify)
    paths = [tmp_path / name for name in ("a.service", "b.socket", "c.path")]
    files = [files_step(path, check="systemd-unit").files[0] for path in paths]
    with pytest.raises(HostError, match=rf"systemd does not accept {paths[1]}:\n.*outside"):
        applied(PutFiles(tuple(files), (), fail2ban_check=False))
    assert asked == [["systemd-analyze", "verify", "--man=no", *(path.name for path in paths)]]
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_activated_nothing_reloads_nothing_when_it_is_undone(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload of a configuration that an operator has broken would stop jails that still run."""
    running = ServiceState(True, True, True, stale=False, answers=True, taken_by="")
    monkeypatch.setattr(apply, "read_running", lambda names: dict.fromkeys(names, running))
    monkeypatch.setattr(service, "put_back", lambda *_: pytest.fail("it was reloaded"))
    fail2ban = BringUp("fail2ban.service", "reload", (), "", "")
    with pytest.raises(HostError, match="everything is as it was"):
        applied(files_step(tmp_path / "app.py", b"def (", "python"), fail2ban)


def test_many_files_cost_one_record_and_one_sync_of_each_folder(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write to the disk is waited for. The content of each file and each record must be one."""
    folder = tmp_path / "opt"
    folder.mkdir()
    files = tuple(files_step(folder / f"{number}").files[0] for number in range(20))
    synced: list[Path] = []
    fsync = os.fsync

    def count(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", count)
    applied(PutFiles(files, (), fail2ban_check=False))
    assert synced.count(folder) == 1
    assert len([path for path in synced if path.parent == folder]) == len(files)
    # the files that become ours, and the end of the run
    assert synced.count(state) == 2


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
    moved = observed("another")
    monkeypatch.setattr(apply, "observe_host", lambda _: moved)
    assert applied(files_step(tmp_path / "f")) == Applied(moved=True, notes=[], observed=moved)
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_had_no_python_gets_the_packages_that_it_lacks(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its plan assumes that nothing is installed, and apt would note what it is asked for."""
    bare = replace(assume_untouched(()), facts=Facts("Debian", True, True, True))
    there = {"openssl": True, "fail2ban": False, "logrotate": True}
    monkeypatch.setattr(apply, "observe_host", lambda _: replace(bare, packages=there, digest="x"))
    installed: list[str] = []
    monkeypatch.setattr(package, "install", lambda names, _: installed.extend(names))
    steps = (Install(("fail2ban", "openssl")), Install(("logrotate",)), files_step(tmp_path / "f"))
    request = Apply("apply", steps, Observe(), assume_untouched(()).digest)

    assert not apply.apply_steps(request).moved
    assert installed == ["fail2ban"]
    assert (tmp_path / "f").read_bytes() == b"ours"
    # from now on it is no untouched host
    assert apply.apply_steps(request).moved


def test_a_check_of_fail2ban_is_dropped_when_apt_fails(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, began, dropped = tmp_path / "fail2ban", Event(), []
    theirs.mkdir()
    (theirs / "jail.conf").touch()
    monkeypatch.setattr(fail2ban, "CONFIGURATION", str(theirs))

    def check(*_: Any, unwanted: Event, **__: Any) -> Ran:
        began.set()
        dropped.append(unwanted.wait(60))
        return Ran(124, "")

    def refuse(*_: Any) -> None:
        assert began.wait(60)
        raise HostError("apt cannot install fail2ban")

    monkeypatch.setattr(fail2ban_check, "run", check)
    monkeypatch.setattr(package, "install", refuse)
    monkeypatch.setattr(package, "purge", lambda _: None)
    with pytest.raises(HostError, match=r"apt cannot install[\s\S]*everything is as it was"):
        applied(Install(("fail2ban",)), files_step(theirs / "x.conf", check="fail2ban"))
    assert dropped
    assert all(dropped)


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
    found = memory.load()
    ours = tuple(entry.id for entry in found.objects) if found else ()

    applied(TakeBack(ours, purge=False), Forget(), verb="teardown")

    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_put_back_is_still_remembered_as_ours(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"

    def cannot(*_: Any) -> None:
        raise HostError("cannot put it back")

    monkeypatch.setattr(file, "put_state", cannot)
    monkeypatch.setitem(TAKERS, AwaitJail, cannot)
    with pytest.raises(HostError, match="did not fully succeed"):
        applied(files_step(path), AwaitJail("x", 3, 600, 3600, "/nowhere/x.bans"))

    found = memory.load()
    assert found is not None
    assert [entry.id for entry in found.objects] == [ResourceId("file", str(path))]
