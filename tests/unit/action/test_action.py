"""The fail2ban action keeps the file of bans right, in whatever order fail2ban calls it."""

from __future__ import annotations

import os

import pytest

from tests.unit.action.action_model import (
    GROUP,
    NOW,
    Server,
    eventually,
    remembered,
    ticket,
)


def test_a_started_jail_has_a_file_even_when_nobody_is_banned(server: Server) -> None:
    server.start()
    assert server.becomes({})


def test_fail2ban_looks_for_events_and_bans_more_often_in_our_jails(server: Server) -> None:
    server.start()
    assert server.jail.filter.sleeptime == server.jail.actions.sleeptime == 0.4


def test_a_ban_is_written_with_its_end_and_an_unban_removes_it(server: Server) -> None:
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    assert server.becomes({"203.0.113.9": NOW + 600})
    action.unban(ticket("203.0.113.9"))
    assert server.becomes({})


def test_a_ban_for_ever_ends_at_minus_one(server: Server) -> None:
    server.start().ban(ticket("203.0.113.9", bantime=-1))
    assert server.becomes({"203.0.113.9": -1})


def test_the_same_ban_again_and_a_prolonged_one_keep_a_single_entry(server: Server) -> None:
    action = server.start()
    assert action._prolongable
    for bantime in (600, 600, 1200):
        action.ban(ticket("2001:DB8::1", bantime=bantime))
    action.prolong(ticket("2001:db8::1", bantime=2400))
    action.reban(ticket("2001:db8:0::1", bantime=2400))
    assert server.becomes({"2001:db8::1": NOW + 2400})


def test_to_unban_an_address_that_is_not_banned_changes_nothing(server: Server) -> None:
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    action.unban(ticket("203.0.113.10"))
    action.stop()
    assert server.bans() == {"203.0.113.9": NOW + 600}


def test_a_stop_of_the_server_removes_nothing_and_loses_nothing(server: Server) -> None:
    action = server.start()
    for number in range(200):
        action.ban(ticket(f"203.0.113.{number}"))
    server.stop()
    assert len(server.bans()) == 200


def test_a_start_keeps_what_was_there_until_fail2ban_has_restored_it(server: Server) -> None:
    server.start().ban(ticket("203.0.113.9"))
    server.stop()
    seen = server.file.stat().st_ino
    action = server.start()
    assert eventually(lambda: server.file.stat().st_ino != seen)
    assert server.bans() == {"203.0.113.9": NOW + 600}
    action.ban(ticket("203.0.113.9", bantime=300))
    action.ban(ticket("203.0.113.10", bantime=300))
    assert server.becomes({"203.0.113.9": NOW + 600, "203.0.113.10": NOW + 300})


def test_bans_that_fail2ban_remembers_are_there_from_the_first_moment(server: Server) -> None:
    server.remembered = [remembered("203.0.113.9", 600), remembered("203.0.113.10", -1)]
    server.start()
    assert eventually(server.readable)
    assert server.bans() == {"203.0.113.9": NOW + 600, "203.0.113.10": -1}


def test_bans_that_fail2ban_has_lost_are_handed_back_to_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.module, "QUIET", 0)
    monkeypatch.setattr(server.module.keeper, "TICK", 0.01)
    server.holds({"203.0.113.9": NOW + 6000, "203.0.113.10": -1})
    server.start()
    assert eventually(lambda: len(server.handed_back) == 2)
    until = {t.ip: t.bantime if t.bantime < 0 else t.when + t.bantime for t in server.handed_back}
    assert until == {"203.0.113.9": NOW + 6000, "203.0.113.10": -1}


def test_a_ban_that_fail2ban_restored_for_too_short_is_handed_back_when_it_ends(
    server: Server,
) -> None:
    server.holds({"203.0.113.9": -1})
    action = server.start()
    action.ban({**ticket("203.0.113.9", when=NOW - 600), "restored": 1})
    action.unban(ticket("203.0.113.9", when=NOW - 600))
    assert server.becomes({"203.0.113.9": -1})
    (ticket_again,) = server.handed_back
    assert (ticket_again.ip, ticket_again.bantime) == ("203.0.113.9", -1)


def test_the_end_of_a_network_s_ban_frees_nobody_inside_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart, fail2ban does not hold a network whose time was over by then."""
    monkeypatch.setattr(server.module.keeper, "TICK", 0.01)
    inside = {f"198.51.100.{number}": NOW + 3600 for number in (1, 2, 3)}
    server.holds({**inside, "198.51.100.0/24": NOW - 10})
    server.held = list(inside)
    server.start()
    assert eventually(lambda: ("198.51.100.0/24", False) in server.forgotten)
    assert server.becomes(inside)
    assert eventually(lambda: server.audited() == [("expiry", "198.51.100.0/24", "banstitch")])


def test_an_address_that_fail2ban_frees_along_with_another_is_handed_back_to_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = server.start()
    for address in ("198.51.100.1", "198.51.100.0/24"):
        action.ban(ticket(address))
    server.held = ["198.51.100.1"]
    monkeypatch.setattr(server.module.memory, "IPAddr", str)
    action.unban_by_hand("198.51.100.0/24")
    assert server.bans() == {"198.51.100.1": NOW + 600}
    assert [each.ip for each in server.handed_back] == ["198.51.100.1"]
    action.unban(ticket("198.51.100.1"))
    assert server.bans() == {}


def test_a_fail2ban_of_another_make_does_not_cost_the_bans_of_the_file(server: Server) -> None:
    server.holds({"203.0.113.9": -1})
    server.remembered = [None]  # type: ignore[list-item]
    server.start()
    assert server.becomes({"203.0.113.9": -1})


def test_unban_all_of_a_running_server_empties_the_file(server: Server) -> None:
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    assert server.becomes({"203.0.113.9": NOW + 600})
    assert action.flush()
    assert server.becomes({})


def test_a_reload_keeps_the_action_and_its_bans(server: Server) -> None:
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    action.clearAllParams()
    action.reload(spool=str(server.spool), group=GROUP)
    action.ban(ticket("203.0.113.10"))
    assert server.becomes({"203.0.113.9": NOW + 600, "203.0.113.10": NOW + 600})


def test_what_expired_while_the_server_was_down_is_dropped(server: Server) -> None:
    server.holds({"203.0.113.9": NOW - 3600, "203.0.113.10": -1})
    server.start()
    assert server.becomes({"203.0.113.10": -1})


@pytest.mark.parametrize(
    "content", ["", "{", "end 0\n", "# banstitch 1\nx -1 1 3 1\nend 1\n", "# banstitch 1\nend 3\n"]
)
def test_a_damaged_file_does_not_keep_the_jail_from_starting(server: Server, content: str) -> None:
    server.file.write_text(content)
    server.start().ban(ticket("203.0.113.9"))
    assert server.becomes({"203.0.113.9": NOW + 600})


def test_a_burst_of_bans_costs_far_fewer_writes(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = server.start()
    assert server.becomes({})
    writes: list[str] = []
    real = os.rename

    def counted(old: str, new: str) -> None:
        writes.append(new)
        real(old, new)

    monkeypatch.setattr(server.module.os, "rename", counted)
    for number in range(1000):
        action.ban(ticket(f"203.0.{number // 250}.{number % 250}"))
    server.stop()
    assert len(server.bans()) == 1000
    assert len(writes) < 100


def test_a_full_disk_keeps_the_old_file_and_is_made_good_later(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.module.keeper, "RETRY", 0.01)
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    assert server.becomes({"203.0.113.9": NOW + 600})
    attempts: list[int] = []

    def full(descriptor: int) -> None:
        attempts.append(descriptor)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(server.module.spool_files.os, "fsync", full)
        action.ban(ticket("203.0.113.10"))
        assert eventually(lambda: len(attempts) > 2)
        assert server.bans() == {"203.0.113.9": NOW + 600}
    assert server.becomes({"203.0.113.9": NOW + 600, "203.0.113.10": NOW + 600})


def test_a_banned_network_keeps_its_prefix(server: Server) -> None:
    server.start().ban(ticket("198.51.100.0/28"))
    assert server.becomes({"198.51.100.0/28": NOW + 600})


@pytest.mark.parametrize("ip", ["0.0.0.0/0", "::/0", "somebody", ""])
def test_what_is_no_address_or_everybody_is_refused(server: Server, ip: str) -> None:
    action = server.start()
    with pytest.raises(ValueError):
        action.ban(ticket(ip))
    assert server.becomes({})


def test_only_root_and_the_receiver_can_read_the_file(server: Server) -> None:
    server.start()
    assert server.becomes({})
    assert server.file.stat().st_mode & 0o777 == 0o640
