"""The limit of new bans that the events of one FortiGate cause within an hour, and its alarm."""

from __future__ import annotations

import fcntl
import json
import os
import syslog
import time
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared.addresses import SELF_TEST

from provision.desired.templates import TEMPLATES
from tests.unit.action.action_model import JAIL, Server, eventually, load_file, ticket
from tests.unit.receiver.receiver_app import Receiver

LIMIT = 3


@pytest.fixture
def server(server: Server) -> Server:
    server.settings = {"ban_limit": str(LIMIT), "fortigates": "fw1 fw2 verify"}
    return server


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list that lines of the journal go to."""
    lines: list[str] = []
    monkeypatch.setattr(syslog, "syslog", lambda _, line: lines.append(line))
    return lines


def event(address: str, fortigate: str = "fw1", **more: Any) -> dict[str, Any]:
    """Return a ban as fail2ban hands it over, completed by an event that ``fortigate`` reported."""
    line = f"{time.time():.6f} {JAIL} {address} {address} {fortigate}"
    return ticket(address, when=time.time()) | {"matches": f"{line}\n{line}"} | more


def addresses(count: int, net: int = 113) -> list[str]:
    return [f"203.0.{net}.{n}" for n in range(1, count + 1)]


def attack(server: Server, fortigate: str, count: int, net: int = 113) -> None:
    for address in addresses(count, net):
        server.action.ban(event(address, fortigate))


def alarms(server: Server) -> list[tuple[str, str]]:
    """Return (FortiGate, why) of each entry of the audit about the limit, once all is on disk."""
    server.action.unban_by_hand("203.0.113.254")
    entries = map(json.loads, server.audit.read_text().splitlines())
    return [(e["fortigate"], e["why"]) for e in entries if e["what"] == "limit"]


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + seconds)


def test_a_stolen_token_bans_so_many_and_no_more(server: Server, journal: list[str]) -> None:
    server.start()
    attack(server, "fw1", LIMIT + 5)
    why = "events of fw1 caused 3 new bans within an hour (receiver_ban_limit): more are refused"
    assert journal == ["banstitch: " + why]
    assert alarms(server) == [("fw1", why)]
    server.stop()
    assert sorted(server.bans()) == addresses(LIMIT)


def test_the_self_test_takes_no_budget_however_often_it_runs(
    server: Server, journal: list[str]
) -> None:
    server.start()
    for _ in range(LIMIT + 2):
        server.action.ban(event(SELF_TEST, "verify"))
        server.action.unban(event(SELF_TEST, "verify"))
    attack(server, "fw1", LIMIT)
    assert alarms(server) == []
    assert journal == []
    server.stop()
    assert sorted(server.bans()) == addresses(LIMIT)


def test_an_attacker_with_many_ipv6_networks_uses_up_no_ban_of_ipv4(
    server: Server, journal: list[str]
) -> None:
    networks = [f"2001:db8:0:{number:x}::/64" for number in range(1, LIMIT + 6)]
    server.start()
    for network in networks:
        server.action.ban(event(network))
    attack(server, "fw1", LIMIT)
    assert alarms(server) == [
        (
            "fw1",
            f"events of fw1 caused {LIMIT} new bans of IPv6 within an hour (receiver_ban_limit):"
            " more are refused",
        )
    ]
    server.stop()
    assert sorted(server.bans()) == sorted(networks[:LIMIT] + addresses(LIMIT))


def test_what_is_refused_can_be_banned_an_hour_later(
    server: Server, journal: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    attack(server, "fw1", LIMIT + 1)
    refused = addresses(LIMIT + 1)[-1]
    server.stop()
    assert refused not in server.bans()
    later(monkeypatch, 3600 + 600)
    server.start()
    server.action.ban(event(refused))
    server.stop()
    assert refused in server.bans()
    assert len(journal) == 1


def test_fail2ban_is_made_to_forget_what_was_refused(server: Server, journal: list[str]) -> None:
    server.start()
    attack(server, "fw1", LIMIT + 1)
    assert eventually(lambda: (addresses(LIMIT + 1)[-1], True) in server.forgotten)


def test_each_fortigate_has_its_own_budget_and_unknown_ones_share_one(
    server: Server, journal: list[str]
) -> None:
    server.start()
    attack(server, "fw1", LIMIT + 1, 113)
    attack(server, "fw2", LIMIT, 114)
    attack(server, "fw3", 2, 115)
    for address in addresses(2, 116):  # as version 0.1 wrote it
        server.action.ban(ticket(address))
    server.stop()
    expected = [*addresses(3, 113), *addresses(3, 114), *addresses(2, 115), *addresses(1, 116)]
    assert sorted(server.bans()) == sorted(expected)
    assert [line.split(" caused")[0] for line in journal] == [
        "banstitch: events of fw1",
        "banstitch: events that name no FortiGate of this site",
    ]


@pytest.mark.parametrize("more", [{"restored": 1}, {"failures": 0}])
def test_restored_bans_and_bans_in_fail2ban_do_not_count(
    server: Server, journal: list[str], more: dict[str, int]
) -> None:
    server.start()
    for address in addresses(LIMIT + 2, 114):
        server.action.ban(event(address) | more)
    for address in addresses(LIMIT + 2, 115):
        server.action.ban_by_hand(address, 600)
    attack(server, "fw1", LIMIT)
    server.stop()
    assert len(server.bans()) == 2 * (LIMIT + 2) + LIMIT
    assert not journal


def test_a_longer_ban_of_somebody_who_is_banned_does_not_count(
    server: Server, journal: list[str]
) -> None:
    server.start()
    for number in range(LIMIT + 2):
        server.action.ban(event("203.0.113.1", bantime=600 + 100 * number))
    attack(server, "fw1", LIMIT)
    server.stop()
    assert len(server.bans()) == LIMIT
    assert not journal


def test_all_jails_and_each_next_server_count_together(
    server: Server, journal: list[str], tmp_path: Path
) -> None:
    server.start()
    attack(server, "fw1", 1)
    server.stop()
    other = load_file(str(tmp_path / "banstitch_limit.py")).BanLimit(
        str(tmp_path / "limit.json"), tmp_path.stat().st_gid
    )
    other.configure(LIMIT, ["fw1"])
    line = f"1.0 {JAIL} 203.0.113.9 203.0.113.9 fw1"
    assert other.take(line, time.time()) == ("fw1", False, True, False)
    server.start()
    attack(server, "fw1", LIMIT, 114)
    server.stop()
    assert sorted(server.bans()) == ["203.0.113.1", "203.0.114.1"]
    assert other.take(line, time.time()) == ("fw1", False, False, False)


def test_a_reload_takes_another_limit(server: Server, journal: list[str]) -> None:
    server.start()
    attack(server, "fw1", LIMIT + 1)
    server.action.reload(ban_limit="100", fortigates="fw1")
    attack(server, "fw1", LIMIT + 1, 114)
    server.stop()
    assert len(server.bans()) == LIMIT + LIMIT + 1


@pytest.fixture
def limit(tmp_path: Path) -> Any:
    """Return the limit of one FortiGate, without an action around it."""
    path = tmp_path / "banstitch_limit.py"
    path.write_text((TEMPLATES / "detection" / path.name).read_text())
    module = load_file(str(path))
    found = module.BanLimit(str(tmp_path / "limit.json"), tmp_path.stat().st_gid)
    found.configure(LIMIT, ["fw1"])
    return found


LINE = f"1.0 {JAIL} 203.0.113.9 203.0.113.9 fw1"
NOON = 1_800_000_000.0


def test_in_no_hour_are_there_more_than_the_limit(limit: Any) -> None:
    allowed = [NOON + 61 * n for n in range(400) if limit.take(LINE, NOON + 61 * n).allowed]
    assert len(allowed) > LIMIT
    for began in allowed:
        assert sum(began <= moment < began + 3600 for moment in allowed) <= LIMIT
    gaps = [b - a for a, b in zip(allowed[::LIMIT], allowed[LIMIT::LIMIT], strict=False)]
    assert max(gaps) <= 3600 + 1200  # refused for no longer than needed


def test_an_alarm_is_raised_once_until_an_hour_without_refusals_has_passed(limit: Any) -> None:
    def firsts(began: float) -> int:
        return sum(limit.take(LINE, began + n).first for n in range(10 * LIMIT))

    assert firsts(NOON) == 1
    assert firsts(NOON + 1800) == 0
    assert firsts(NOON + 1800 + 4300) == 1


def test_a_clock_that_was_set_back_does_not_refuse_for_longer(limit: Any) -> None:
    for _ in range(LIMIT + 1):
        limit.take(LINE, NOON + 86400)
    assert limit.take(LINE, NOON).allowed


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "3", '{"fw1": 3}', '{"fw1": {"banned": {"x": 1}}}', "[" * 100_000,
                '{"fw1": {"banned": {"1": "x"}}}', "\xff"],
)  # fmt: skip
def test_a_damaged_file_begins_anew(limit: Any, tmp_path: Path, content: str) -> None:
    (tmp_path / "limit.json").write_bytes(content.encode("latin-1"))
    assert [limit.take(LINE, NOON).allowed for _ in range(LIMIT + 1)] == [True] * LIMIT + [False]


def test_it_counts_on_where_the_disk_takes_nothing(
    limit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert limit.take(LINE, NOON).allowed
    monkeypatch.setattr(os, "pwrite", lambda *_: 0)
    assert [limit.take(LINE, NOON).allowed for _ in range(LIMIT)] == [True] * (LIMIT - 1) + [False]
    monkeypatch.undo()
    assert not limit.take(LINE, NOON).allowed
    counts = json.loads((tmp_path / "limit.json").read_text())["fw1"]
    assert counts == {"banned": {str(int(NOON)): LIMIT}, "refused": {str(int(NOON)): 2}}


def test_it_counts_on_where_its_file_cannot_be_opened(limit: Any, tmp_path: Path) -> None:
    (tmp_path / "limit.json").symlink_to("/dev/null")
    assert [limit.take(LINE, NOON).allowed for _ in range(LIMIT + 1)] == [True] * LIMIT + [False]


def test_a_reader_of_the_counts_cannot_hold_the_lock(limit: Any, tmp_path: Path) -> None:
    limit.take(LINE, NOON)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("limit*")}
    assert modes == {"limit.json": 0o640, "limit.json.lock": 0o600}
    with (tmp_path / "limit.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert limit.take(LINE, NOON).allowed


def test_the_receiver_reports_what_was_refused_in_the_last_hour(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path)
    file = receiver.spool / "limit.json"
    now = int(time.time())
    refused = {
        "fw1": {str(now - 60): 4, str(now - 1800): 3, str(now - 3700): 9},
        "-": {str(now): 2},
    }
    file.write_text(json.dumps({n: {"banned": {}, "refused": r} for n, r in refused.items()}))
    health = receiver.get("/healthz")
    said = "new bans by events of {} were refused within the last hour (receiver_ban_limit)"
    assert (health.status_code, health.json["degraded"]) == (
        200,
        ["7 " + said.format("fw1"), "2 " + said.format("no known FortiGate")],
    )
    metrics = receiver.get("/metrics", auth=("status", "s-secret")).text
    assert 'banstitch_bans_refused{fortigate="fw1"} 7\n' in metrics
    for nonsense in ("", "[]", '{"fw1": 3}', '{"fw1": {"refused": {"x": 1}}}'):
        file.write_text(nonsense)
        assert receiver.get("/healthz").json["degraded"] == []
