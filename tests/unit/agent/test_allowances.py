"""Allowances by an operator: what is written for the action, and what comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from provision.linux.agent import allowances, host
from provision.linux.agent.host import HostError
from provision.linux.agent.protocol.requests import AllowNetwork, UnallowNetwork
from tests.unit.agent.bans_model import ASKED, ON, Fail2ban


@pytest.fixture(autouse=True)
def files_of_ours(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    state.mkdir(exist_ok=True)
    monkeypatch.setattr(allowances, "PATIENCE", 0.3)

    def write(path: str, content: bytes, *_: object) -> None:
        Path(path).write_bytes(content)

    monkeypatch.setattr(host, "write", write)


def allow(spool: str, network: str, seconds: int = 3600) -> AllowNetwork:
    return AllowNetwork(spool, "root", network, seconds, **ASKED)


def unallow(spool: str, network: str) -> UnallowNetwork:
    return UnallowNetwork(spool, "root", network, **ASKED)


def test_an_allowance_is_written_and_noted_in_the_audit(
    fail2ban: Fail2ban, spool: Callable[..., str]
) -> None:
    folder = spool(ON, "198.51.100.1")
    answer = allowances.allow_network(allow(folder, "203.0.113.9"))
    assert answer.changed
    assert answer.until == pytest.approx(time.time() + 3600, abs=60)
    (entry,) = json.loads(Path(folder, "allowed.json").read_text())
    assert (entry["network"], entry["by"], entry["why"]) == ("203.0.113.9", "root@pc", "by hand")
    assert fail2ban.told == [(ON, "note", "203.0.113.9")]


def test_a_shorter_allowance_changes_nothing_and_a_longer_one_prolongs(
    fail2ban: Fail2ban, spool: Callable[..., str]
) -> None:
    folder = spool(ON, "198.51.100.1")
    first = allowances.allow_network(allow(folder, "203.0.113.9", 3600))
    assert not allowances.allow_network(allow(folder, "203.0.113.9", 60)).changed
    longer = allowances.allow_network(allow(folder, "203.0.113.9", 7200))
    assert longer.changed
    assert longer.until > first.until
    assert len(json.loads(Path(folder, "allowed.json").read_text())) == 1


def test_a_ban_that_stays_is_named(fail2ban: Fail2ban, spool: Callable[..., str]) -> None:
    """Such as one of a jail whose action is of before."""
    folder = spool(ON, "203.0.113.9", "198.51.100.1")
    answer = allowances.allow_network(allow(folder, "203.0.113.0/24"))
    assert answer.notes == ["still banned: 203.0.113.9; look at fail2ban"]


def test_an_allowance_ends_by_hand(fail2ban: Fail2ban, spool: Callable[..., str]) -> None:
    folder = spool(ON, "198.51.100.1")
    allowances.allow_network(allow(folder, "203.0.113.9"))
    assert allowances.unallow_network(unallow(folder, "203.0.113.9")).changed
    again = allowances.unallow_network(unallow(folder, "203.0.113.9"))
    assert (again.changed, again.notes) == (False, ["was not allowed"])


def test_other_allowances_that_still_count_are_named(
    fail2ban: Fail2ban, spool: Callable[..., str]
) -> None:
    folder = spool(ON, "198.51.100.1")
    for network in ("203.0.113.9", "203.0.113.0/24", "2001:db8::/32"):
        allowances.allow_network(allow(folder, network))
    for changed in (True, False):
        answer = allowances.unallow_network(unallow(folder, "203.0.113.9"))
        assert (answer.changed, answer.notes) == (changed, ["still allowed: 203.0.113.0/24"])


def test_a_damaged_file_is_named_with_a_remedy(
    fail2ban: Fail2ban, spool: Callable[..., str]
) -> None:
    folder = spool(ON, "198.51.100.1")
    Path(folder, "allowed.json").write_text("[1]")
    with pytest.raises(
        HostError, match=r"allowed\.json is damaged; remove .*, then run allow again"
    ):
        allowances.allow_network(allow(folder, "203.0.113.9"))


def test_there_is_a_limit(
    fail2ban: Fail2ban, spool: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = spool(ON, "198.51.100.1")
    monkeypatch.setattr(allowances, "MOST", 1)
    allowances.allow_network(allow(folder, "203.0.113.9"))
    with pytest.raises(HostError, match="1 allowances already; end some with unallow"):
        allowances.allow_network(allow(folder, "203.0.113.10"))
