"""Requests about alarms: what banstitch-watch left is read as data, and root notes drift."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from banstitch_shared import alarm_notes
from banstitch_shared.alarm_notes import read_drift

from provision.linux.agent import alarms, host, memory
from provision.linux.agent.foreign import is_ours
from provision.linux.agent.host import HostError, Ran
from provision.linux.agent.protocol.answers import ActiveAlarm
from provision.linux.agent.protocol.requests import ListAlarms, NoteDrift, TryChannels
from tests.unit.agent.bans_model import Fail2ban

UNIT = "banstitch-watch.service"
ALARM = {"key": "full", "severity": "critical", "since": 5.0, "text": "full"}


@pytest.fixture(autouse=True)
def deployed(state: Path, fail2ban: Fail2ban) -> None:
    """Have all tests run on a deployed host."""
    state.mkdir(exist_ok=True)


def write(folder: Path, **more: object) -> None:
    active = {"at": time.time(), "alarms": [ALARM], "channels": {"mail": ""}}
    (folder / alarm_notes.ACTIVE).write_text(json.dumps(active | more))


def test_active_alarms_and_channels_are_listed(tmp_path: Path) -> None:
    write(tmp_path)
    found = alarms.list_alarms(ListAlarms(str(tmp_path), UNIT))
    assert found.alarms == [ActiveAlarm("full", "critical", 5.0, "full")]
    assert (found.channels, found.notes) == ({"mail": ""}, [])


def test_a_service_that_does_not_look_is_reported(tmp_path: Path) -> None:
    assert alarms.list_alarms(ListAlarms(str(tmp_path), UNIT)).notes == [alarms.DOWN]
    write(tmp_path, at=time.time() - 1000)
    assert alarms.list_alarms(ListAlarms(str(tmp_path), UNIT)).notes == [alarms.DOWN]
    assert alarms.list_alarms(ListAlarms(str(tmp_path), "")).notes == [alarms.OFF]


@pytest.mark.parametrize(
    "more",
    [
        {"alarms": [{**ALARM, "severity": "x"}]},
        {"alarms": [{"key": 1}]},
        {"alarms": 5},
        {"channels": []},
        {"at": -1},
        {"at": "x"},
    ],
)
def test_a_damaged_file_is_none(tmp_path: Path, more: dict[str, object]) -> None:
    write(tmp_path, **more)
    assert alarms.list_alarms(ListAlarms(str(tmp_path), UNIT)).alarms == []


def test_a_file_behind_a_link_is_not_read(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / alarm_notes.ACTIVE).rename(tmp_path / "theirs")
    (tmp_path / alarm_notes.ACTIVE).symlink_to(tmp_path / "theirs")
    assert alarms.list_alarms(ListAlarms(str(tmp_path), UNIT)).alarms == []


class Service:
    """Stands for systemd and the service, which answers a signal if it ``answers``."""

    def __init__(self, folder: Path, active: bool, answers: bool) -> None:
        self.folder, self.active, self.answers = folder, active, answers

    def __call__(self, argv: list[str], *_: object) -> Ran:
        if argv[1] == "kill" and self.answers:
            found = alarm_notes.format_tested(time.time(), {"mail": "ok: sent"})
            (self.folder / alarm_notes.TESTED).write_text(found)
        return Ran(0, "active" if self.active else "inactive")


def test_a_test_of_alarms_that_are_off_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HostError) as caught:
        alarms.try_channels(TryChannels(str(tmp_path), ""))
    assert str(caught.value) == alarms.OFF


@pytest.mark.parametrize(("active", "answers"), [(False, True), (True, False)])
def test_a_test_without_an_answer_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, active: bool, answers: bool
) -> None:
    old = alarm_notes.format_tested(time.time() - 60, {"mail": "ok: sent"})
    (tmp_path / alarm_notes.TESTED).write_text(old)
    monkeypatch.setattr(alarms, "run", Service(tmp_path, active, answers))
    monkeypatch.setattr(alarms, "must", Service(tmp_path, active, answers))
    monkeypatch.setattr(alarms, "PATIENCE", 0.3)
    with pytest.raises(HostError, match="banstitch-watch"):
        alarms.try_channels(TryChannels(str(tmp_path), UNIT))


def test_a_test_returns_what_came_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(tmp_path, True, True)
    monkeypatch.setattr(alarms, "run", service)
    monkeypatch.setattr(alarms, "must", service)
    found = alarms.try_channels(TryChannels(str(tmp_path), UNIT))
    assert found.channels == {"mail": "ok: sent"}


def test_drift_is_noted_for_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "write", lambda path, content, *_: Path(path).write_bytes(content))
    path = str(tmp_path / "drift.json")
    alarms.note_drift(NoteDrift(path, "banstitch", 3, "root@pc"))
    found = read_drift(path)
    assert found is not None
    assert (found.changes, found.by) == (3, "root@pc")
    assert read_drift(str(tmp_path / "other.json")) is None


def test_where_nothing_is_deployed_nothing_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "load", lambda: None)
    alarms.note_drift(NoteDrift(str(tmp_path / "drift.json"), "banstitch", 3, "root@pc"))
    assert list(tmp_path.glob("drift*")) == []


def test_teardown_knows_every_file_that_is_left() -> None:
    names = [
        alarm_notes.ACTIVE,
        alarm_notes.TESTED,
        "alarms.json",
        "alarms.json.new",
        "abuseipdb.json",
    ]
    assert all(is_ours("/var/lib/banstitch-watch", name) for name in names)
    assert is_ours("/var/spool/banstitch", alarm_notes.DRIFT)
