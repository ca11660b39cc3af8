"""Check which bans an unban ends, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from banstitch_shared.ban_file import HEAD

from provision.linux.agent import bans
from provision.linux.agent.host import HostError
from provision.linux.agent.protocol.requests import UnbanAddress
from tests.unit.agent.bans_model import OFF, ON, Fail2ban, unban


def test_an_unban_of_nobody_says_so(fail2ban: Fail2ban, spool: Callable[..., str]) -> None:
    answer = unban(spool(ON, "203.0.113.9"), "203.0.113.5")
    assert answer == {"changed": False, "notes": ["was not banned"]}
    assert not fail2ban.told


@pytest.mark.parametrize("entry", ["203.0.113.5", "::ffff:203.0.113.5", "::ffff:cb00:7105"])
def test_a_ban_is_freed_in_whatever_spelling_it_was_made(
    fail2ban: Fail2ban, spool: Callable[..., str], entry: str
) -> None:
    assert unban(spool(ON, entry), "203.0.113.5") == {"changed": True, "notes": []}
    assert fail2ban.told == [(ON, "unban_by_hand", entry)]


def test_an_address_within_a_banned_network_is_still_denied_and_that_is_said(
    fail2ban: Fail2ban, spool: Callable[..., str]
) -> None:
    folder = spool(ON, "203.0.113.5", "128.0.0.0/9", "203.0.0.0/16", "2001:db8::/32", failures=0)
    answer = unban(folder, "203.0.113.5")
    assert answer == {"changed": True, "notes": ["still denied: within 203.0.0.0/16"]}
    assert unban(folder, "128.1.2.3")["notes"] == [
        "was not banned",
        "still denied: within 128.0.0.0/9",
    ]
    assert len(fail2ban.told) == 1


@pytest.mark.parametrize(
    "wanted", ["2001:db8:1:2::5", "2001:DB8:1:2:0:0:0:5", "2001:db8:1:2:3::/80"]
)
def test_an_address_is_freed_with_the_network_that_events_in_it_had_banned(
    fail2ban: Fail2ban, spool: Callable[..., str], wanted: str
) -> None:
    folder = spool(ON, "2001:db8:1:2::/64", "2001:db8:1:3::/64", "2001:db8:1:2::6")
    freed = {
        "changed": True,
        "notes": ["2001:db8:1:2::/64 was freed: attackers are banned by network"],
    }
    assert unban(folder, wanted) == freed
    assert fail2ban.told == [(ON, "unban_by_hand", "2001:db8:1:2::/64")]


def test_a_network_that_an_operator_banned_is_named_and_not_freed_with_one_address(
    fail2ban: Fail2ban, spool: Callable[..., str]
) -> None:
    folder = spool(ON, "2001:db8:1:2::/64", failures=0)
    answer = unban(folder, "2001:db8:1:2::5")
    notes = ["was not banned", "still denied: within 2001:db8:1:2::/64"]
    assert answer == {"changed": False, "notes": notes}
    assert not fail2ban.told


@pytest.mark.usefixtures("fail2ban")
def test_a_wider_network_is_not_freed_by_halves(spool: Callable[..., str]) -> None:
    folder = spool(ON, "2001:db8:1:2::/64", "2001:db8:1:3::/64")
    assert unban(folder, "2001:db8:1::/48")["notes"] == [
        "was not banned",
        "still denied within it: 2001:db8:1:2::/64, 2001:db8:1:3::/64",
    ]


@pytest.mark.usefixtures("fail2ban")
def test_a_network_that_holds_banned_addresses_names_some_of_them(
    spool: Callable[..., str],
) -> None:
    folder = spool(ON, "198.51.100.0/24", *(f"203.0.113.{n}" for n in range(1, 8)))
    (_, held) = unban(folder, "203.0.113.0/24")["notes"]
    assert held.startswith("still denied within it: 203.0.113.1, 203.0.113.2, ")
    assert held.endswith(" and 2 more")


def test_a_ban_in_a_jail_that_is_off_is_reported_and_its_file_stays(
    fail2ban: Fail2ban, spool: Callable[..., str]
) -> None:
    spool(ON)
    folder = spool(OFF, "203.0.113.5")
    before = (Path(folder) / f"{OFF}.bans").read_bytes()
    assert unban(folder, "203.0.113.5") == {
        "changed": False,
        "notes": [f"banned in {OFF}, which is off; the ban returns if it is turned on"],
    }
    assert (Path(folder) / f"{OFF}.bans").read_bytes() == before
    assert not fail2ban.told


def test_a_ban_in_a_jail_that_still_runs_is_freed_though_the_inventory_has_it_off(
    fail2ban: Fail2ban, spool: Callable[..., str]
) -> None:
    spool(ON)
    fail2ban.jails.add(OFF)
    assert unban(spool(OFF, "203.0.113.5"), "203.0.113.5") == {"changed": True, "notes": []}
    assert fail2ban.told == [(OFF, "unban_by_hand", "203.0.113.5")]


@pytest.mark.parametrize("line", ["::1/0 x", "203.0.113.5 soon 1 3 1", "", "nobody -1 1 3 1"])
@pytest.mark.usefixtures("fail2ban")
def test_a_line_that_is_no_ban_is_named_with_a_way_out(tmp_path: Path, line: str) -> None:
    (tmp_path / f"{ON}.bans").write_text(f"{HEAD}\n{line}\nend 1\n")
    with pytest.raises(HostError, match=r"reload` writes"):
        unban(str(tmp_path), "203.0.113.5")


def test_a_damaged_file_of_a_jail_that_is_off_keeps_nobody_from_being_freed(
    fail2ban: Fail2ban, spool: Callable[..., str]
) -> None:
    folder = spool(ON, "203.0.113.5")
    (Path(folder) / f"{OFF}.bans").write_text("half of")
    answer = unban(folder, "203.0.113.5")
    assert answer["changed"]
    assert f"{OFF}.bans is damaged" in answer["notes"][0]
    assert fail2ban.told


def test_an_unban_reports_that_other_sites_still_have_it_denied(
    fail2ban: Fail2ban, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    later = 4_000_000_000
    shared.write_text(f"203.0.113.0/24 {later} 1 {ON} bh1\n203.0.114.9 {later} 1 {ON} bh2\n")
    asked = UnbanAddress(str(tmp_path), (), "203.0.113.5", "me", "why", str(shared))
    assert bans.unban_address(asked).notes == [
        "was not banned",
        "still denied: 203.0.113.0/24 is shared by bh1 until 2096-10-02 07:06 UTC;"
        " allow 203.0.113.5 to spare it here",
    ]


def test_an_unban_names_some_of_many_sites_that_share_a_ban(
    fail2ban: Fail2ban, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    sites = ",".join("x" * 250 + str(number) for number in range(500))
    shared.write_text(f"203.0.113.5 4000000000 1 {ON} {sites}\n")
    asked = UnbanAddress(str(tmp_path), (), "203.0.113.5", "me", "why", str(shared))
    (_, note) = bans.unban_address(asked).notes
    assert "and 495 more until 2096-10-02" in note
    assert note.endswith("; allow 203.0.113.5 to spare it here")
    assert len(note) < 300
