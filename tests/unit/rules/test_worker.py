"""The service: events in, lines of the rule log out, none lost and none twice, whenever it is killed."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rules import saving

from tests.unit.rules.rules_model import JAIL, NOW, RulesHost, event, login


@pytest.fixture
def host(tmp_path: Path) -> RulesHost:
    host = RulesHost(tmp_path)
    host.start()
    return host


def test_an_event_becomes_one_line_for_each_jail_that_it_concerns(host: RulesHost) -> None:
    host.write(event("198.51.100.7", "admin"))
    host.work()
    line = f"{NOW:.6f} {JAIL} 198.51.100.7 198.51.100.7 fw1"
    assert host.lines() == [line, line.replace(JAIL, f"{JAIL}-trap")]


def test_a_network_is_named_beside_the_address_of_the_event(host: RulesHost) -> None:
    host.write(*[event(f"198.51.100.{n}", "admin") for n in range(3)])
    host.work()
    (line,) = [line for line in host.lines() if "-network " in line]
    assert line == f"{NOW:.6f} {JAIL}-network 198.51.100.0/24 198.51.100.2 fw1"


def test_the_events_of_the_self_test_are_counted_by_the_plain_jail_alone(host: RulesHost) -> None:
    host.write(*[event("192.0.2.66", "admin", fortigate="verify")] * 5)
    host.work()
    assert host.bans() == [("plain", "192.0.2.66")] * 5


def test_lines_of_others_are_passed_over(host: RulesHost) -> None:
    odd = ("", "abc", ":::", "1.2", "198.51.100.0/24", "::/0", "0198.51.100.7")
    host.write("nonsense", "1.0 fw1 x failure 8.8.8.8 ../../x -", *map(event, odd))
    host.write(event("198.51.100.7", "x" * 120), event("198.51.100.7", "admin"), "\0" * 9000)
    host.work()
    host.rules.write_text("")
    host.write(event("198.51.100.7", "admin"))
    host.work()
    assert len(host.bans()) == 2


def test_a_line_of_version_0_1_names_no_fortigate(host: RulesHost) -> None:
    host.write(f"{NOW:.6f} sslvpn_login_failed 198.51.100.7")
    host.work()
    assert host.lines() == [f"{NOW:.6f} {JAIL} 198.51.100.7 198.51.100.7 -"]


def test_what_version_0_1_logged_is_counted_by_the_plain_jail_alone(host: RulesHost) -> None:
    lines = [f"{NOW:.6f} sslvpn_login_failed 198.51.100.{n}" for n in (1, 2, 3) for _ in range(4)]
    host.write(*lines, f"{NOW:.6f} gone_detection 198.51.100.7")
    host.work()
    assert {rule for rule, _ in host.bans()} == {"plain"}
    assert len(host.bans()) == len(lines)


def test_a_login_asks_that_bans_of_its_source_end(host: RulesHost) -> None:
    host.write(event("198.51.100.7", "alice"), login("198.51.100.7", "alice", NOW + 60))
    host.work()
    assert host.requests() == [("pardon", "198.51.100.7", "alice")]


def test_a_login_after_many_failures_is_an_alarm_once(host: RulesHost) -> None:
    failures = [event("198.51.100.7", "alice", NOW + n) for n in range(6)]
    host.write(*failures, login("198.51.100.7", "alice", NOW + 60))
    host.now = NOW + 61
    host.work()
    assert host.requests() == [("alarm", "198.51.100.7", "alice")]
    for _ in range(2):  # killed, and the events are read again
        host.start()
        host.work()
    assert len(host.requests()) == 1
    (alarm,) = json.loads(Path(host.places.alarms).read_text())["alarms"]
    assert (alarm["address"], alarm["user"], alarm["failures"]) == ("198.51.100.7", "alice", 6)


def test_users_under_attack_are_listed_until_it_is_over(host: RulesHost) -> None:
    host.write(*[event(f"198.51.{n}.7", "alice", NOW + n) for n in range(4)])
    host.work()
    (attacked,) = json.loads(Path(host.places.alarms).read_text())["attacked"]
    assert (attacked["user"], attacked["sources"]) == ("alice", 4)
    host.now = NOW + 2 * 86400
    host.work()
    assert json.loads(Path(host.places.alarms).read_text())["attacked"] == []


def test_a_stop_writes_a_checkpoint_and_nothing_is_written_twice(host: RulesHost) -> None:
    host.write(event("198.51.100.7", "ghost"))
    host.work()
    assert host.worker is not None
    host.worker.save()
    host.write(event("198.51.100.7", "ghost2"))
    host.start()
    host.work()
    assert host.bans() == [("plain", "198.51.100.7")] * 2 + [("unknown_user", "198.51.100.7")]


def test_a_checkpoint_is_written_a_minute_after_the_last_one(host: RulesHost) -> None:
    path = Path(host.places.checkpoint)
    before = path.read_bytes()
    host.write(event("198.51.100.7", "ghost"))
    host.work()
    host.now += 59
    host.work()
    assert path.read_bytes() == before
    host.now += 1
    host.work()
    assert path.read_bytes() != before


def test_a_damaged_checkpoint_is_logged_and_old_events_ban_nobody(
    host: RulesHost, caplog: pytest.LogCaptureFixture
) -> None:
    Path(host.places.checkpoint).write_text('{"release": 1, "state": 7}')
    host.write(event("198.51.100.7", "admin", NOW - 3700), event("198.51.100.8", "admin", NOW - 60))
    host.start()
    host.work()
    assert host.bans() == [("plain", "198.51.100.8"), ("trap", "198.51.100.8")]
    assert "the checkpoint cannot be read, so all counts begin anew" in caplog.text


def damage_a_row(found: dict[str, Any]) -> None:
    found["state"]["points"]["198.51.100.7"] = [[NOW]]


def come_from_another_release(found: dict[str, Any]) -> None:
    found["release"] += 1


@pytest.mark.parametrize("change", [damage_a_row, come_from_another_release])
def test_a_checkpoint_that_differs_in_one_place_is_not_read(
    host: RulesHost, caplog: pytest.LogCaptureFixture, change: Callable[[dict[str, Any]], None]
) -> None:
    host.write(event("198.51.100.7", "ghost"))
    host.work()
    assert host.worker is not None
    host.worker.save()
    path = Path(host.places.checkpoint)
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))
    host.start()
    assert "the checkpoint cannot be read, so all counts begin anew" in caplog.text


def test_without_a_checkpoint_no_line_is_written_twice(host: RulesHost) -> None:
    host.write(event("198.51.100.7", "admin", NOW - 120))
    host.work()
    before = host.lines()
    host.write(event("198.51.100.8", "admin", NOW - 60))
    host.start()
    host.work()
    assert host.lines()[: len(before)] == before
    assert host.bans()[len(before) :] == [("plain", "198.51.100.8"), ("trap", "198.51.100.8")]


def test_a_full_disk_delays_lines_and_loses_none(
    host: RulesHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert host.worker is not None
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        return real(descriptor, data[: len(data) // 2])

    host.write(event("198.51.100.7", "admin"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for _ in range(2):
            with pytest.raises(OSError) as caught:
                host.worker.work()
            assert caught.value.errno == errno.ENOSPC
    assert host.lines() == []
    host.write(event("198.51.100.8", "admin"))
    host.work()
    assert [key for _, key in host.bans()] == ["198.51.100.7"] * 2 + ["198.51.100.8"] * 2


def test_signs_of_life_tell_a_service_that_is_behind_from_one_that_is_down(host: RulesHost) -> None:
    host.work()
    current, alive = (Path(p).stat().st_mtime for p in (host.places.current, host.places.alive))
    assert current == alive == NOW
    host.now += 60
    host.write(event("198.51.100.7", "admin"))
    assert host.worker is not None
    assert host.worker.work()
    assert Path(host.places.alive).stat().st_mtime == NOW + 60
    assert Path(host.places.current).stat().st_mtime == NOW


def test_a_checkpoint_that_takes_long_is_written_beside_the_work(
    host: RulesHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "LONG", 0.0)
    for number in range(3):
        host.write(event(f"198.51.{number}.7", "ghost"))
        host.now += 100
        host.work()
    assert host.worker is not None
    host.worker.save()  # waits for the child
    before = host.lines()
    host.write(event("198.51.0.7", "ghost2"))
    host.start()
    host.work()
    assert host.lines()[: len(before)] == before
    assert host.bans()[len(before) :] == [("plain", "198.51.0.7"), ("unknown_user", "198.51.0.7")]


class Killed(BaseException):
    """The process was killed before, or in the middle of, a call of the operating system."""


def killing(real: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def call(*args: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            if real.__name__ == "write" and left[0] == -1:
                real(args[0], args[1][: len(args[1]) // 2])
            raise Killed
        return real(*args, **more)

    return call


CALLS = ("write", "rename", "fsync", "ftruncate", "utime")
STEPS = st.one_of(
    st.tuples(st.just("event"), st.integers(0, 5), st.integers(0, 3)),
    st.tuples(st.just("work"), st.integers(0, 12), st.just(0)),
    st.tuples(st.just("save"), st.integers(0, 6), st.just(0)),
    st.tuples(st.sampled_from(["events", "rules"]), st.just(0), st.just(0)),
)


@settings(deadline=None, max_examples=100)
@given(st.lists(STEPS, max_size=40))
def test_whenever_it_is_killed_the_rule_log_is_that_of_a_service_that_never_was(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    """Kill it before any of its writes; rotate either log at any moment between two looks."""
    host, whole = RulesHost(tmp_path_factory.mktemp("a")), RulesHost(tmp_path_factory.mktemp("b"))
    host.start()
    whole.start()
    rotations = 0
    for number, (what, first, second) in enumerate(steps):
        if what == "event":
            user = ("admin", "ghost", "alice", "")[second]
            line = event(f"198.51.{first % 2}.{first}", user, NOW - 3000 + number)
            host.write(line)
            whole.write(line)
        elif what in ("events", "rules"):
            rotations += 1
            if rotations % 4 == 0:  # no more are kept
                attempt(host, "save", 1000)
            if rotations < 4:
                host.rotate(getattr(host, what))
        else:
            attempt(host, what, first)
    attempt(host, "work", 1000)
    whole.work()
    assert host.lines() == whole.lines()


def attempt(host: RulesHost, what: str, calls: int) -> None:
    """Let the service do something, and kill it at the call of that number."""
    left = [calls]
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, killing(getattr(os, name), left))
        try:
            assert host.worker is not None
            if what == "work":
                host.work()
            else:
                host.worker.save()
        except Killed:
            patch.undo()
            host.start()
