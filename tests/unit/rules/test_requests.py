"""The requests of banstitch-rules, which root carries out: nothing else is possible by that way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared import hourly
from rules import requests, spool
from rules.outcomes import Pardon

NOW = 1_800_000_000.0
JAIL = "banstitch-sslvpn_login_failed"
GOOD = {"do": "pardon", "at": NOW, "address": "198.51.100.7", "user": "616c696365", "failures": 0}

Calls = list[tuple[str, str, dict[str, str]]]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spool of requests and one of bans; what fail2ban would be asked is collected."""
    (tmp_path / "requests").mkdir()
    (tmp_path / "bans").mkdir()
    monkeypatch.setattr(requests, "BANS", str(tmp_path / "bans"))
    monkeypatch.setattr(requests, "ENDED", str(tmp_path / "ended.json"))
    return tmp_path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    found: Calls = []
    monkeypatch.setattr(requests, "try_call", lambda *words: found.append(words))
    return found


def hold(host: Path, rule: str, *bans: str) -> None:
    """Write the ban file of a jail; each ban is ADDRESS UNTIL SINCE FAILURES COUNT."""
    jail = f"{JAIL}-{rule}" if rule else JAIL
    text = "".join(f"{ban}\n" for ban in bans)
    (host / "bans" / f"{jail}.bans").write_text(f"# banstitch 1\n{text}end {len(bans)}\n")


def pardon(**more: Any) -> requests.Request:
    found = requests.read_request(json.dumps(GOOD | more).encode(), NOW)
    assert isinstance(found, requests.Request)
    return found


def turn(**more: Any) -> Any:
    good = {"do": "shield", "at": NOW, "mode": "up", "until": NOW + 3600, "homes": 12}
    return requests.read_request(json.dumps(good | more).encode(), NOW)


def test_bans_by_events_that_began_before_the_login_end(host: Path, calls: Calls) -> None:
    before, after = int(NOW) - 60, int(NOW) + 60
    hold(host, "", f"198.51.100.7 -1 {before} 5 1", f"198.51.100.8 -1 {before} 5 1")
    hold(host, "trusted", f"198.51.100.7 -1 {before} 10 1")
    hold(host, "slow", f"198.51.100.7 -1 {after} 1 1")
    hold(host, "trap", f"198.51.100.7 -1 {before} 0 1")  # by hand
    hold(host, "network", f"198.51.100.0/24 -1 {before} 1 1")
    requests.carry_out(pardon())
    assert [(jail.removeprefix(JAIL), details["address"]) for jail, _, details in calls] == [
        ("", "198.51.100.7"),
        ("-network", "198.51.100.0/24"),
    ]
    assert calls[0][2]["why"] == "alice logged in from there"
    assert calls[0][2]["by"] == "banstitch-rules"


def test_a_login_ends_bans_of_its_own_ip_version(host: Path, calls: Calls) -> None:
    networks = ("198.51.100.0/24", "2001:db8:1::/48", "2001:db8:2::/48")
    hold(host, "network", *(f"{network} -1 {int(NOW) - 60} 1 1" for network in networks))
    requests.carry_out(pardon(address="2001:db8:1:7::/64"))
    requests.carry_out(pardon(address="198.51.100.7"))
    assert [details["address"] for *_, details in calls] == ["2001:db8:1::/48", "198.51.100.0/24"]


def test_no_more_than_so_many_bans_end_within_an_hour(
    host: Path, calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    hold(host, "", f"198.51.100.7 -1 {int(NOW) - 60} 5 1")
    for _ in range(requests.MOST + 5):
        requests.carry_out(pardon())
    assert len(calls) == requests.MOST
    assert "stays banned" in capsys.readouterr().out


def test_no_more_than_so_many_requests_are_made_in_a_minute(host: Path) -> None:
    folder = host / "requests"
    ours = spool.Spool(str(folder))
    for _ in range(spool.MOST + 5):
        ours.ask(Pardon(NOW, "198.51.100.7", "alice"), NOW)
    assert len(list(folder.iterdir())) == spool.MOST
    ours.ask(Pardon(NOW, "198.51.100.7", "alice"), NOW + 60)
    assert len(list(folder.iterdir())) == spool.MOST + 1


def test_a_boot_begins_a_new_hour_of_pardons(
    host: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(host, "", f"198.51.100.7 -1 {int(NOW) - 60} 5 1")
    for _ in range(requests.MOST + 1):
        requests.carry_out(pardon())
    monkeypatch.setattr(hourly, "read_boot", lambda: "another boot")
    requests.carry_out(pardon())
    assert len(calls) == requests.MOST + 1


def test_an_alarm_becomes_an_entry_of_the_audit(host: Path, calls: Calls) -> None:
    hold(host, "")
    requests.carry_out(pardon(do="alarm", failures=9))
    ((jail, method, details),) = calls
    assert (jail, method, details["what"], details["address"]) == (
        JAIL,
        "note",
        "alarm",
        "198.51.100.7",
    )
    assert details["why"].startswith("alice logged in from there after 9 failures")


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        (
            "up",
            "SHIELD UP until 2027-01-15 09:00 UTC: all but 12 networks of recent logins are denied",
        ),
        (
            "alarm",
            "SHIELD ALARM: it would be up until 2027-01-15 09:00 UTC, for all but 12 networks",
        ),
        ("down", "the shield is down"),
    ],
)
def test_a_turn_of_the_shield_becomes_an_entry_of_the_audit(
    host: Path, calls: Calls, mode: str, why: str
) -> None:
    hold(host, "")
    requests.carry_out(turn(mode=mode))
    noted = {"what": "shield", "address": "", "why": why, "by": "banstitch-rules"}
    assert calls == [(JAIL, "note", noted)]


@pytest.mark.parametrize("more", [{"mode": "%s"}, {"until": 1e300}, {"homes": -1}, {"homes": "x"}])
def test_a_turn_that_cannot_be_true_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        turn(**more)


def test_what_an_attacker_typed_stays_one_printable_word(host: Path) -> None:
    typed = "x\n\x1b[2J\u202eü\\"
    assert pardon(user=typed.encode().hex()).user.isascii()
    assert pardon(user=typed.encode().hex()).user.isprintable()


@pytest.mark.parametrize(
    "more",
    [
        {"do": "unban"},
        {"address": "198.51.100.0/24"},
        {"address": "2001:db8::/32"},
        {"address": "everybody"},
        {"address": 0},
        {"at": NOW + 60},
        {"at": "nan"},
        {"at": -1},
        {"user": "../../x"},
        {"user": "61" * 300},
        {"failures": 1e300},
        {"more": 1},
    ],
)
def test_a_request_of_another_form_is_refused(more: dict[str, Any]) -> None:
    refusals = (ValueError, LookupError, TypeError, RecursionError, OverflowError)
    with pytest.raises(refusals):
        requests.read_request(json.dumps(GOOD | more).encode(), NOW)


@pytest.mark.parametrize("text", [b"", b"[]", b"7", b"\xff", b"[" * 900])
def test_what_is_no_request_is_refused(text: bytes) -> None:
    with pytest.raises((ValueError, LookupError, TypeError, RecursionError)):
        requests.read_request(text, NOW)
