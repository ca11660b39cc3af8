"""Bans by hand on the ban host: what fail2ban is told, and what comes back when it cannot be told."""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared import addresses
from banstitch_shared.ban_file import HEAD
from hypothesis import given
from hypothesis import strategies as st

from provision.linux.agent import bans, memory
from provision.linux.agent.host import HostError, Ran
from provision.linux.agent.protocol.requests import ListBans
from provision.linux.agent.protocol.wire import to_json
from provision.linux.agent.spool import count_live_bans
from tests.unit.agent.bans_model import OFF, ON, Fail2ban, ban, unban


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
        (Ran(124, "no end"), "fail2ban does not answer; the request may still take effect"),
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
def test_the_error_of_a_failed_ban_quotes_no_command_line(
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


@pytest.mark.usefixtures("fail2ban")
def test_what_has_expired_is_not_listed_though_fail2ban_is_down_and_keeps_it(
    spool: Callable[..., str],
) -> None:
    folder = spool(ON, "203.0.113.5", until=int(time.time()) - 1)
    spool(OFF, "203.0.113.6", until=-1)
    found = listed(folder)
    assert [each["address"] for each in found] == ["203.0.113.6"]


@pytest.mark.usefixtures("fail2ban")
def test_each_ban_has_the_reason_that_the_audit_recorded_at_its_last_start(
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
def test_bans_are_listed_although_the_audit_cannot_be_read(
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
    assert count_live_bans([folder]) == {ON: 2, OFF: None}


def listed(folder: str) -> list[dict[str, Any]]:
    asked = ListBans(folder, f"{folder}/audit.log", (ON, OFF))
    found: list[dict[str, Any]] = to_json(bans.list_bans(asked).bans)
    return found


@given(
    st.one_of(
        st.tuples(st.ip_addresses(v=4), st.integers(0, 32)),
        st.tuples(st.ip_addresses(v=6), st.integers(0, 128)),
        st.tuples(st.ip_addresses(v=4).map("::ffff:{}".format), st.integers(90, 128)),
    )
)
def test_law_each_spelling_stands_for_the_same_address(written: tuple[object, int]) -> None:
    """The controller must not ban its own site, and the ban host must find a ban."""
    text = "{}/{}".format(*written)
    network = ipaddress.ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        network = ipaddress.ip_network((mapped, network.prefixlen - 96))
    assert addresses.parse_network(text) == network


def test_bans_of_other_sites_are_listed_with_the_sites(fail2ban: Fail2ban, tmp_path: Path) -> None:
    later = int(time.time()) + 600
    shared = tmp_path / "shared"
    shared.write_text(f"203.0.113.7 {later} 1700000000 {ON} bh1,bh3\n203.0.113.8 1 1 {ON} bh1\n")
    found = bans.list_bans(ListBans("", "", (), str(shared))).shared
    assert [(ban.address, ban.jail, ban.until, ban.why) for ban in found] == [
        ("203.0.113.7", ON, later, "shared by bh1, bh3")
    ]


@pytest.mark.parametrize("line", [f"x 4000000000 1 {ON} bh2", "203.0.113.9 4000000000 1 j bh2"])
def test_what_is_no_ban_of_another_site_hides_no_other(
    fail2ban: Fail2ban, tmp_path: Path, line: str
) -> None:
    shared = tmp_path / "shared"
    shared.write_text(f"{line}\n203.0.113.7 4000000000 1 {ON} bh1\n")
    found = bans.list_bans(ListBans("", "", (), str(shared))).shared
    assert [ban.address for ban in found] == ["203.0.113.7"]


@pytest.mark.parametrize("content", [None, "nonsense\n", "\xff"])
def test_own_bans_are_listed_whatever_is_left_of_other_sites(
    fail2ban: Fail2ban, tmp_path: Path, content: str | None
) -> None:
    shared = tmp_path / "shared"
    if content is not None:
        shared.write_text(content, encoding="latin-1")
    assert bans.list_bans(ListBans("", "", (), str(shared))).shared == []
