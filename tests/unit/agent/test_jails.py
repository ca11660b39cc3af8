"""The wait of the agent for the jails of a fail2ban that starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provision.linux.agent import steps
from provision.linux.agent.host import HostError
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import jail, service
from provision.linux.agent.protocol.state import JailState, ServiceState
from provision.linux.agent.protocol.steps import AwaitJail

OFF = ServiceState(True, True, False, stale=False, answers=False, taken_by="")
THRESHOLDS = JailState(max_retry=3, find_time=600, ban_time=3600)


class Host:
    """A fail2ban whose jail is there after ``ready`` seconds of a clock, and which is off for systemd."""

    def __init__(self, ready: float) -> None:
        self.ready = ready
        self.seconds = 0.0
        # how often a program had to find out whether fail2ban has ended
        self.programs = 0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def read_jail(self, _: str) -> JailState | None:
        return THRESHOLDS if self.seconds >= self.ready else None

    def read_state(self, _: str) -> ServiceState:
        self.programs += 1
        return OFF


@pytest.fixture
def wait(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Host], None]:
    """Return a function that waits for the jail of a host."""
    ban_file = tmp_path / "x.bans"
    ban_file.touch()

    def do(host: Host) -> None:
        monkeypatch.setattr(jail, "time", host)
        monkeypatch.setattr(jail, "read_jail", host.read_jail)
        monkeypatch.setattr(jail, "read_state", host.read_state)
        monkeypatch.setattr(jail, "is_up", lambda: False)
        monkeypatch.setattr(service, "read_journal", lambda _: "its log")
        steps.take(AwaitJail("x", 3, 600, 3600, str(ban_file)), journal)

    return do


def test_a_fail2ban_that_starts_is_not_kept_from_it_by_programs(
    wait: Callable[[Host], None],
) -> None:
    host = Host(ready=0.4)
    wait(host)
    assert host.seconds < 0.5
    assert host.programs == 0


def test_a_fail2ban_that_has_ended_is_not_waited_for(wait: Callable[[Host], None]) -> None:
    host = Host(ready=float("inf"))
    with pytest.raises(HostError, match=r"jail x runs with None[\s\S]*its log"):
        wait(host)
    assert host.seconds < 2
