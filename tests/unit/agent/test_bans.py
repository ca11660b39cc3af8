"""Bans by hand on the ban host: what fail2ban is told, and what comes back when it cannot be told."""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.cli import ban_address
from provision.linux.agent import bans, memory
from provision.linux.agent.host import HostError, Ran
from provision.linux.agent.protocol.requests import BanAddress, ListBans, UnbanAddress
from provision.linux.agent.protocol.wire import to_json
from provision.linux.agent.spool import HEAD, live

SOON = int(time.time()) + 3600
ON = "banstitch-sslvpn_login_failed"
OFF = "banstitch-admin_login_failed"
ASKED = {"by": "root@pc", "why": "by hand"}


class Fail2ban:
    """Stands for fail2ban-client; ``jails`` run."""

    def __init__(self) -> None:
        self.jails = {ON}
        self.answer = Ran(0, json.dumps({"changed": True, "until": SOON, "said": "done"}))
        self.told: list[tuple[str, str, str]] = []
        self.patience = 0.0

    def __call__(self, words: list[str], timeout: float = 900) -> Ran:
        self.patience = timeout
        _, jail, _, _, method, details = words
        if jail not in self.jails:
            return Ran(255, f"ERROR NOK: ('{jail}',)\nSorry but the jail '{jail}' does not exist")
        self.told.append((jail, method, json.loads(details)["address"]))
        return self.answer


@pytest.fixture
def fail2ban(monkeypatch: pytest.MonkeyPatch) -> Fail2ban:
    """A deployed host whose fail2ban does as it is told."""
    found = Fail2ban()
    monkeypatch.setattr(bans, "client", found)
    monkeypatch.setattr(memory, "load", memory.new)
    return found


@pytest.fixture
def spool(tmp_path: Path) -> Callable[..., str]:
    """Writes a jail's bans and gives the spool."""

    def with_bans(jail: str, *addresses: str, until: int = SOON, failures: int = 3) -> str:
        lines = [f"{address} {until} {SOON - 7200} {failures} 1" for address in addresses]
        text = "\n".join([HEAD, *lines, f"end {len(lines)}", ""])
        (tmp_path / f"{jail}.bans").write_text(text)
        return str(tmp_path)

    return with_bans


def ban(seconds: int = 60) -> dict[str, Any]:
    answer = bans.ban_address(BanAddress(ON, "203.0.113.5", seconds, **ASKED))
    return {name: value for name, value in vars(answer).items() if value is not None}


def unban(spool: str, address: str) -> dict[str, Any]:
    return dict(vars(bans.unban_address(UnbanAddress(spool, (ON,), address, **ASKED))))


# --- ban -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [True, False])
def test_a_ban_answers_what_the_action_says_on_its_last_line(
    fail2ban: Fail2ban, changed: bool
) -> None:
    said = {"changed": changed, "until": -1, "said": "longer already"}
    fail2ban.answer = Ran(0, "a warning of python\n" + json.dumps(said))
    assert ban() == said
    assert fail2ban.told == [(ON, "ban_by_hand", "203.0.113.5")]


@pytest.mark.parametrize("words", ["203.0.113.5 is banned until 2027-01-15 08:00:00", "", "17"])
def test_an_action_of_before_that_answers_in_words_is_believed(
    fail2ban: Fail2ban, words: str
) -> None:
    fail2ban.answer = Ran(0, words)
    assert ban() == {"changed": True, "said": words}


@pytest.mark.parametrize(
    ("ran", "told"),
    [
        (Ran(124, "no end"), "fail2ban does not answer; what was asked may still take effect"),
        (
            Ran(255, "ERROR Failed to access socket path: /x. Is fail2ban running?"),
            "fail2ban is not running",
        ),
        (Ran(255, "ERROR Unable to contact server. Is it running?"), "fail2ban is not running"),
        (Ran(127, "fail2ban-client: not installed"), "not deployed"),
        (
            Ran(255, "ERROR NOK: ('x',)\n203.0.113.0/24 holds 203.0.113.9"),
            "fail2ban refuses: 203.0.113.0/24 holds 203.0.113.9",
        ),
    ],
)
def test_why_nothing_came_of_it_is_told_without_a_command_line(
    fail2ban: Fail2ban, ran: Ran, told: str
) -> None:
    fail2ban.answer = ran
    with pytest.raises(HostError) as error:
        ban()
    assert str(error.value).startswith(told)
    assert "fail2ban-client" not in str(error.value)
    assert fail2ban.patience == 15


def test_a_ban_in_a_jail_that_does_not_run_says_to_apply(fail2ban: Fail2ban) -> None:
    fail2ban.jails.clear()
    with pytest.raises(HostError, match=f"jail {ON} does not run: run apply"):
        ban()


def test_a_host_that_is_not_deployed_says_so_whatever_data_is_left(
    fail2ban: Fail2ban, spool: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = spool(ON, "203.0.113.5")
    monkeypatch.setattr(memory, "load", lambda: None)
    asked: tuple[Callable[[], object], ...] = (
        ban,
        lambda: unban(folder, "203.0.113.5"),
        lambda: bans.list_bans(ListBans(folder, "", (ON,))),
    )
    for ask in asked:
        with pytest.raises(HostError, match=r"^not deployed: run apply$"):
            ask()
    assert not fail2ban.told


# --- bans ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("fail2ban")
def test_what_has_expired_is_not_listed_though_fail2ban_is_down_and_keeps_it(
    spool: Callable[..., str],
) -> None:
    folder = spool(ON, "203.0.113.5", until=int(time.time()) - 1)
    spool(OFF, "203.0.113.6", until=-1)
    found = listed(folder)
    assert [each["address"] for each in found] == ["203.0.113.6"]


@pytest.mark.usefixtures("fail2ban")
def test_each_ban_tells_why_as_the_audit_remembers_its_last_beginning(
    spool: Callable[..., str], tmp_path: Path
) -> None:
    folder = spool(ON, "203.0.113.5", "203.0.113.6")
    spool(OFF, "203.0.113.5", "203.0.113.7", failures=0)
    entries = [
        {"jail": ON, "address": "203.0.113.5", "what": "ban", "fortigate": "older"},
        {"jail": ON, "address": "203.0.113.5", "what": "ban", "fortigate": "fgt1"},
        {"jail": OFF, "address": "203.0.113.5", "what": "ban", "why": "a tip", "by": "eve@pc"},
        {"jail": ON, "address": "203.0.113.5", "what": "prolong", "fortigate": "other"},
    ]
    lines = [json.dumps({"at": 1.0, **entry}) + "\n" for entry in entries]
    (tmp_path / "audit.log.1").write_text("".join(lines[:3]))
    (tmp_path / "audit.log").write_text("".join(lines[3:]) + '{"cut')
    assert [each["why"] for each in listed(folder)] == [
        "reported by fgt1",
        "reported by a FortiGate",
        "a tip (eve@pc)",
        "by hand",
    ]


@pytest.mark.usefixtures("fail2ban")
def test_who_is_banned_is_told_though_the_audit_cannot_be_read(
    spool: Callable[..., str], tmp_path: Path
) -> None:
    folder = spool(ON, "203.0.113.5")
    spool(OFF)
    (tmp_path / "audit.log").symlink_to("/dev/null")
    assert [each["why"] for each in listed(folder)] == ["reported by a FortiGate"]


def test_bans_are_counted_by_jail_and_those_of_a_damaged_file_are_not_known(
    spool: Callable[..., str], tmp_path: Path
) -> None:
    folder = spool(ON, "203.0.113.5", "203.0.113.6")
    (tmp_path / f"{OFF}.bans").write_text(f"{HEAD}\n203.0.113.7 -1 1 3 1\n")
    assert live([folder]) == {ON: 2, OFF: None}


def listed(folder: str) -> list[dict[str, Any]]:
    asked = ListBans(folder, f"{folder}/audit.log", (ON, OFF))
    found: list[dict[str, Any]] = to_json(bans.list_bans(asked).bans)
    return found


# --- unban -----------------------------------------------------------------------------------------


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


def test_a_ban_in_a_jail_that_is_off_is_told_and_its_file_left(
    fail2ban: Fail2ban, spool: Callable[..., str]
) -> None:
    spool(ON)
    folder = spool(OFF, "203.0.113.5")
    before = (Path(folder) / f"{OFF}.bans").read_bytes()
    assert unban(folder, "203.0.113.5") == {
        "changed": False,
        "notes": [f"banned in {OFF}, which is off; comes back when it is on"],
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


@given(
    st.one_of(
        st.tuples(st.ip_addresses(v=4), st.integers(0, 32)),
        st.tuples(st.ip_addresses(v=6), st.integers(0, 128)),
        st.tuples(st.ip_addresses(v=4).map("::ffff:{}".format), st.integers(90, 128)),
    )
)
def test_law_controller_and_ban_host_take_each_spelling_for_the_same_address(
    written: tuple[object, int],
) -> None:
    """Each has to tell it by itself, the one not to ban its own site, the other to find a ban."""
    text = "{}/{}".format(*written)
    assert bans._parse_network(text) == ban_address.convert_mapped(
        ipaddress.ip_network(text, strict=False)
    )
