"""Root carries out the requests of the page: an address is freed, and nothing else is possible."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared import hourly
from banstitch_shared.allowances import (
    Allowance,
    find_allowances,
    format_allowances,
    read_allowances,
)
from page import carrying, requests
from page.acts import Act, read_act, write_act
from page.spool import read_answer

from tests.unit.page.page_model import JAIL, Calls, Page

NOW = int(time.time())
ID = "0123456789abcdef" * 2
GOOD = Act(ID, "unban", "203.0.113.9", 0, "support", "a user called")
REFUSALS = (ValueError, LookupError, TypeError, RecursionError)


def carry_out(page: Page, act: Act) -> tuple[bool, tuple[str, ...]]:
    requests.handle(page.settings, write_act(act).encode(), time.time())
    answer = read_answer(page.settings.answers, act.id)
    assert answer is not None
    return answer.ok, answer.said


def allowed(page: Page) -> dict[str, Allowance]:
    found = read_allowances(find_allowances(page.settings.spool), time.time())
    return {each.network: each for each in found}


def test_the_page_may_read_the_answer_although_roots_unit_has_a_strict_umask(
    page: Page, calls: Calls
) -> None:
    before = os.umask(0o077)
    try:
        carry_out(page, GOOD)
    finally:
        os.umask(before)
    assert (Path(page.settings.answers) / "page_answers.json").stat().st_mode & 0o777 == 0o640


def test_an_unban_ends_the_bans_of_the_source_and_names_the_rest(page: Page, calls: Calls) -> None:
    page.hold(f"203.0.113.9 -1 {NOW} 5 1", f"203.0.113.8 -1 {NOW} 5 1", "203.0.113.9 1 1 5 1")
    page.hold(f"203.0.113.0/24 -1 {NOW} 5 1", jail=f"{JAIL}-network")
    ok, said = carry_out(page, GOOD)
    details = {"address": "203.0.113.9", "by": "page:support", "why": "a user called"}
    assert calls == [(JAIL, "unban_by_hand", details)]
    assert ok
    assert said[:2] == ("203.0.113.9 was unbanned", "still denied: within 203.0.113.0/24")


def test_an_unban_names_the_bans_of_other_sites_which_stay_and_what_to_do(
    page: Page, calls: Calls
) -> None:
    page.hold(f"203.0.113.9 -1 {NOW} 5 1")
    page.share(
        f"203.0.113.0/24 4000000000 {NOW} {JAIL} bh2,bh3",
        f"203.0.113.9 {NOW - 1} {NOW - 9} {JAIL} bh4",
        f"203.0.114.9 4000000000 {NOW} {JAIL} bh5",
    )
    assert carry_out(page, GOOD) == (
        True,
        (
            "203.0.113.9 was unbanned",
            "still denied: 203.0.113.0/24 is shared by bh2, bh3 until 2096-10-02 07:06 UTC;"
            " allow 203.0.113.9 to spare it here",
        ),
    )


def test_an_unban_of_an_ipv6_address_ends_the_ban_of_its_network(page: Page, calls: Calls) -> None:
    page.hold(f"2001:db8:1:2::/64 -1 {NOW} 5 1", f"2001:db8:1:3::/64 -1 {NOW} 5 1")
    assert carry_out(page, GOOD._replace(network="2001:db8:1:2::5"))[0]
    assert [details["address"] for _, _, details in calls] == ["2001:db8:1:2::/64"]


def test_an_allowance_is_written_and_noted_with_its_author(page: Page, calls: Calls) -> None:
    page.hold(f"203.0.113.9 -1 {NOW} 5 1")
    ok, said = carry_out(page, GOOD._replace(do="allow", seconds=3600))
    assert ok
    assert said[0].startswith("203.0.113.9 is allowed until ")
    found = allowed(page)["203.0.113.9"]
    assert (found.by, found.why) == ("page:support", "a user called")
    assert NOW + 3600 <= found.until <= time.time() + 3600
    path = find_allowances(page.settings.spool)
    assert Path(path).stat().st_mode & 0o777 == 0o640
    noted = {
        "what": "allow",
        "address": "203.0.113.9",
        "by": "page:support",
        "why": "a user called",
    }
    assert calls == [(JAIL, "note", noted)]


def test_a_longer_allowance_and_that_of_an_operator_stay(page: Page, calls: Calls) -> None:
    theirs = [
        Allowance("203.0.113.9", NOW + 9000, NOW, "page:admin", "x"),
        Allowance("203.0.113.8", NOW + 3000, NOW, "carl@desk", "x"),
    ]
    Path(find_allowances(page.settings.spool)).write_text(format_allowances(theirs))
    assert carry_out(page, GOOD._replace(do="allow", seconds=3600))[0]
    assert not carry_out(page, GOOD._replace(do="allow", seconds=3600, network="203.0.113.8"))[0]
    assert list(allowed(page).values()) == theirs


@pytest.mark.parametrize("do", ["allow", "unallow"])
def test_nothing_is_allowed_while_the_host_is_being_changed(
    page: Page, calls: Calls, monkeypatch: pytest.MonkeyPatch, do: str
) -> None:
    monkeypatch.setattr(carrying, "TO_LOCK", 0)
    seconds = 3600 if do == "allow" else 0
    folder = os.open(page.folder, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    ok, said = carry_out(page, GOOD._replace(do=do, seconds=seconds))
    os.close(folder)
    assert not ok
    assert said == ("the host is being changed; try again in a minute",)
    assert calls == []


def test_allowances_of_the_page_leave_room_for_operators(page: Page, calls: Calls) -> None:
    given = [
        Allowance(f"198.51.{n // 250}.{n % 250}", NOW + 9000, NOW, "page:admin", "x")
        for n in range(500)
    ]
    Path(find_allowances(page.settings.spool)).write_text(format_allowances(given))
    ok, said = carry_out(page, GOOD._replace(do="allow", seconds=3600))
    assert not ok
    assert "500 allowances already" in said[0]


@pytest.mark.parametrize(
    ("by", "author", "ok"),
    [
        ("page:support", "support", True),
        ("page:admin", "support", False),
        ("page:support", "admin", True),
        ("carl@desk", "admin", False),
    ],
)
def test_an_allowance_is_taken_back_by_who_may(
    page: Page, calls: Calls, by: str, author: str, ok: bool
) -> None:
    page.hold()
    given = [Allowance("203.0.113.9", NOW + 9000, NOW, by, "x")]
    Path(find_allowances(page.settings.spool)).write_text(format_allowances(given))
    assert carry_out(page, GOOD._replace(do="unallow", by=author))[0] == ok
    assert ("203.0.113.9" in allowed(page)) != ok
    assert [details["what"] for _, _, details in calls] == ["unallow"] * ok


@pytest.mark.parametrize("author", ["viewer", "nobody", "root"])
def test_root_looks_up_the_author_itself(page: Page, calls: Calls, author: str) -> None:
    page.hold(f"203.0.113.9 -1 {NOW} 5 1")
    assert carry_out(page, GOOD._replace(by=author)) == (False, (f"{author} may not do this",))
    assert calls == []


def test_acts_within_an_hour_are_capped_for_each_author_and_for_all(
    page: Page, calls: Calls
) -> None:
    page.hold(f"203.0.113.9 -1 {NOW} 5 1")
    done = [carry_out(page, GOOD)[0] for _ in range(page.settings.acts + 5)]
    assert done == [True] * page.settings.acts + [False] * 5
    assert carry_out(page, GOOD._replace(by="admin"))[0]
    users = {f"s{n}": page.settings.users["support"] for n in range(50)}
    settings = page.settings._replace(users=users)
    for name in users:
        for _ in range(5):
            requests.handle(settings, write_act(GOOD._replace(by=name)).encode(), time.time())
    assert len(calls) == requests.WHOLE_PAGE * page.settings.acts


@pytest.mark.parametrize("step", [-400 * 86400, 400 * 86400])
def test_a_clock_that_is_set_lifts_no_cap_and_loses_no_answer(
    page: Page, calls: Calls, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    page.hold(f"203.0.113.9 -1 {NOW} 5 1")
    for _ in range(page.settings.acts):
        assert carry_out(page, GOOD)[0]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + step)
    assert not carry_out(page, GOOD._replace(id="f" * 32))[0]
    assert read_answer(page.settings.answers, ID) is not None


@pytest.mark.parametrize("uptime", [10.0, 5_000_000.0])
def test_acts_before_a_reboot_count_no_longer_and_never_again(
    page: Page, calls: Calls, monkeypatch: pytest.MonkeyPatch, uptime: float
) -> None:
    page.hold(f"203.0.113.9 -1 {NOW} 5 1")
    monkeypatch.setattr(hourly, "read_uptime", lambda: 5_000_000.0)
    for _ in range(page.settings.acts):
        assert carry_out(page, GOOD)[0]
    assert not carry_out(page, GOOD)[0]
    monkeypatch.setattr(hourly, "read_boot", lambda: "another boot")
    monkeypatch.setattr(hourly, "read_uptime", lambda: uptime)
    assert carry_out(page, GOOD)[0]


def test_a_damaged_count_of_acts_is_none(page: Page, calls: Calls) -> None:
    page.hold(f"203.0.113.9 -1 {NOW} 5 1")
    for text in ('[[1.0, "support"]]', "{", "7", ""):
        (Path(page.settings.answers) / "page_acts.json").write_text(text)
        assert carry_out(page, GOOD)[0]


def test_a_failure_of_fail2ban_is_the_answer(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    page.hold(f"203.0.113.9 -1 {NOW} 5 1")

    def fail(*_: object) -> None:
        raise OSError("fail2ban does not answer")

    monkeypatch.setattr(carrying, "call_action", fail)
    assert carry_out(page, GOOD) == (False, ("fail2ban does not answer",))


@pytest.mark.parametrize(
    "more",
    [
        {"do": "pardon"},
        {"do": "ban"},
        {"do": ["unban"]},
        {"network": "203.0.113.0/24"},
        {"network": "::ffff:203.0.113.9"},
        {"network": "0.0.0.0/0"},
        {"network": 7},
        {"seconds": 60},
        {"seconds": True, "do": "allow"},
        {"seconds": 1e9, "do": "allow"},
        {"seconds": 10**9, "do": "allow"},
        {"by": "page:admin\n"},
        {"by": ""},
        {"id": "../../etc/passwd"},
        {"why": "zz"},
        {"why": "ff"},
        {"why": "1b5b324a1b5b324a"},
        {"why": ""},
        {"why": "61" * 151},
        {"more": 1},
    ],
)
def test_a_request_of_another_form_is_refused(
    page: Page, calls: Calls, more: dict[str, Any]
) -> None:
    text = json.dumps({**json.loads(write_act(GOOD)), **more}).encode()
    with pytest.raises(REFUSALS):
        read_act(text)
    requests.handle(page.settings, text, time.time())
    assert calls == []
    assert list(Path(page.settings.answers).iterdir()) == []


@pytest.mark.parametrize("text", [b"", b"[]", b"7", b"\xff", b"[" * 900, b"{}", b"null"])
def test_what_is_no_request_is_refused(text: bytes) -> None:
    with pytest.raises(REFUSALS):
        read_act(text)
