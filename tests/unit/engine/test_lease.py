"""Two runs at one FortiGate: the second waits, or says whose turn it is; nobody waits for the dead."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from provision.engine import lease
from provision.engine.lease import Lease, name_process
from provision.errors import Failed, Unreachable
from provision.linux.agent import leases, memory
from provision.linux.agent.protocol.answers import LeaseState
from provision.linux.agent.protocol.observe import Request
from provision.linux.agent.protocol.requests import ReleaseLease, TakeLease


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The memory of a ban host that was deployed."""
    monkeypatch.setattr(memory, "STATE", str(tmp_path / "state"))
    monkeypatch.setattr(leases, "PATH", str(tmp_path / "leases.json"))
    (tmp_path / "state").mkdir()
    manifest = memory.new()
    manifest.fortigates["fgt1"] = {"serial": "FG1"}
    memory.save(manifest)
    return tmp_path / "state"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "PATIENCE", 0.3)
    monkeypatch.setattr(leases, "PAUSE", 0.01)


def ask(request: Request[Any]) -> Any:
    if isinstance(request, TakeLease):
        return leases.take(request)
    assert isinstance(request, ReleaseLease)
    return leases.release(request)


def held() -> Any:
    return json.loads(Path(leases.PATH).read_text())


def test_a_lease_is_there_while_it_is_held_and_leaves_no_trace() -> None:
    before = memory.load()
    with Lease(ask, "fgt1") as mine:
        assert mine.record == {"serial": "FG1"}
        assert mine.note == ""
        assert held()["fgt1"]["process"].endswith(f"@{name_process()}")
    assert memory.load() == before
    assert not Path(leases.PATH).exists()


def test_a_second_run_gives_up_and_names_the_first() -> None:
    with Lease(ask, "fgt1", process="elsewhere:boot:1"):
        with pytest.raises(Failed, match=r"@.* is changing fgt1; nothing was sent") as caught:
            Lease(ask, "fgt1", process="other:boot:2").__enter__()
        assert "its lease expires at" in str(caught.value)
        assert held()["fgt1"]["process"] == "elsewhere:boot:1"


def test_a_second_run_in_the_same_process_does_not_share_the_lease() -> None:
    with Lease(ask, "fgt1"), pytest.raises(Failed, match="nothing was sent"):
        Lease(ask, "fgt1").__enter__()


def test_a_second_run_waits_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "PATIENCE", 60)
    first = Lease(ask, "fgt1", process="elsewhere:boot:1").__enter__()
    waiting = threading.Event()

    def noticed(request: Request[Any]) -> Any:
        if isinstance(request, TakeLease) and request.wait:
            waiting.set()
        return ask(request)

    second = Lease(noticed, "fgt1", process="other:boot:2")
    thread = threading.Thread(target=second.__enter__)
    thread.start()
    assert waiting.wait(60)
    first.__exit__(None, None, None)
    thread.join(60)
    assert held()["fgt1"]["process"] == "other:boot:2"


def test_another_fortigate_of_the_site_is_free() -> None:
    with Lease(ask, "fgt1", process="a:b:1"), Lease(ask, "fgt2", process="c:d:2") as other:
        assert other.record is None


def test_the_lease_of_a_run_that_was_killed_here_is_broken_at_once_and_said() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = f"some-run@{name_process().rpartition(':')[0]}:{gone.pid}"
    Lease(ask, "fgt1", process=dead).__enter__()
    with Lease(ask, "fgt1") as mine:
        assert "which died or took too long" in mine.note


def test_the_lease_of_a_run_that_died_elsewhere_ends_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lease, "DURATION", 0.1)
    Lease(ask, "fgt1", process="elsewhere:boot:1").__enter__()
    with Lease(ask, "fgt1") as mine:
        assert mine.note


def test_a_ban_host_may_answer_with_the_name_of_a_run() -> None:
    with Lease(ask, "fgt1"):
        state = TypeAdapter(LeaseState).validate_json(json.dumps(held()["fgt1"]))
    assert state.process.endswith(f"@{name_process()}")


def test_a_lease_that_was_broken_is_not_given_back_by_its_old_owner() -> None:
    old = Lease(ask, "fgt1", process="elsewhere:boot:1").__enter__()
    Path(leases.PATH).write_text(json.dumps({"fgt1": {**held()["fgt1"], "until": 0}}))
    with Lease(ask, "fgt1"):
        old.__exit__(None, None, None)
        assert held()["fgt1"]["process"].endswith(f"@{name_process()}")


def test_a_ban_host_that_goes_away_meanwhile_hides_no_other_error() -> None:
    def cut(request: Request[Any]) -> Any:
        if isinstance(request, ReleaseLease):
            raise Unreachable("gone")
        return ask(request)

    with pytest.raises(RuntimeError, match="the real one"), Lease(cut, "fgt1"):
        raise RuntimeError("the real one")


def test_a_host_that_was_never_deployed_gets_nothing(state: Path) -> None:
    (state / "manifest.json").unlink()
    with Lease(ask, "fgt1") as mine:
        assert mine.record is None
    assert not list(state.iterdir())


def test_a_damaged_file_of_leases_stops_nobody() -> None:
    Path(leases.PATH).write_text("{")
    with Lease(ask, "fgt1") as mine:
        assert mine.record == {"serial": "FG1"}
