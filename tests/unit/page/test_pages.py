"""What the pages show, and that nothing in them is what an attacker made of it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared.allowances import Allowance, find_allowances, format_allowances
from page import views

from tests.unit.page.page_model import HOSTILE, JAIL, Page

NOW = int(time.time())
BAN = f"203.0.113.9 {NOW + 3600} {NOW - 60} 5 2"


def text(answer: Any) -> str:
    """Return what an answer shows, without tags."""
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True)))


def entry(**more: object) -> dict[str, object]:
    common = {"at": NOW - 60, "what": "ban", "address": "203.0.113.9", "jail": JAIL}
    return {**common, "until": NOW + 3600, "why": "5 events", "by": "fail2ban", **more}


def test_a_banned_address_is_found_with_its_whole_story(page: Page) -> None:
    page.hold(BAN)
    page.note(
        entry(fortigate="fw1", event='user="bob" remip=203.0.113.9'), entry(address="203.0.113.90")
    )
    events = page.folder / "logs" / "evidence.log"
    line = f"{NOW}.000000 fw1 sslvpn_login_failed failure %s 626f62 bad_password"
    events.write_text(
        "".join(line % a + ' {"fortigate": "fw1"}\n' for a in ("203.0.113.9", "203.0.113.90"))
    )
    shown = text(page.log_in("viewer").get("/address", q="203.0.113.9"))
    assert "203.0.113.9 banned" in shown
    assert "sslvpn_login_failed" in shown
    assert "5 events" in shown
    assert "user=&#34;bob&#34; remip=203.0.113.9" in shown
    assert "failure bob bad_password sslvpn_login_failed fw1" in shown
    assert "203.0.113.90" not in shown


def test_an_address_in_a_banned_network_is_banned(page: Page) -> None:
    page.hold(f"203.0.113.0/24 {NOW + 3600} {NOW - 60} 3 1", jail=f"{JAIL}-network")
    page.hold(f"2001:db8:1:2::/64 -1 {NOW - 60} 5 1", "198.51.100.7 1 1 5 1")
    page.note(entry(address="203.0.113.0/24", why="3 sources"))
    browser = page.log_in("viewer")
    assert "203.0.113.77 banned" in text(browser.get("/address", q="203.0.113.77"))
    assert "sslvpn_login_failed/network" in text(browser.get("/address", q="203.0.113.77"))
    assert "3 sources" in text(browser.get("/address", q="203.0.113.77"))
    assert "2001:db8:1:2::5 banned" in text(browser.get("/address", q="2001:DB8:1:2::5"))
    assert "for ever" in text(browser.get("/address", q="2001:db8:1::/48"))
    assert "198.51.100.7 not banned" in text(browser.get("/address", q="198.51.100.7"))


def test_bans_of_other_sites_are_found_with_where_they_come_from_and_what_to_do(page: Page) -> None:
    page.hold()
    page.share(
        f"203.0.113.0/24 4000000000 {NOW - 60} {JAIL}-network bh2,bh3",
        f"198.51.100.7 {NOW - 1} {NOW - 60} {JAIL} bh2",
        f"2001:db8:1:2::/64 4000000000 {NOW - 60} {JAIL} bh4",
    )
    browser = page.log_in("support")
    shown = text(browser.get("/address", q="203.0.113.77"))
    assert "203.0.113.77 banned" in shown
    assert "203.0.113.0/24 bh2, bh3 sslvpn_login_failed/network" in shown
    assert "2096-10-02 07:06:40" in shown
    assert "An unban does not end them. Allow the address to spare it at this site." in shown
    assert "Unban 203.0.113.77" not in shown
    assert "Allow 203.0.113.77" in shown
    assert "2001:db8:1:2::5 banned" in text(browser.get("/address", q="2001:db8:1:2::5"))
    assert "198.51.100.7 not banned" in text(browser.get("/address", q="198.51.100.7"))


@pytest.mark.parametrize("path", ["/", "/bans"])
def test_a_list_of_bans_says_that_those_of_other_sites_are_not_in_it(page: Page, path: str) -> None:
    note = "Bans of other sites are not in this list. Search for an address to find them."
    assert note in text(page.log_in("viewer").get(path))
    alone = Page(page.folder, shared="")
    assert note not in text(alone.log_in("viewer").get(path))


def test_bans_of_other_sites_do_not_deny_what_is_allowed(page: Page) -> None:
    page.share(f"203.0.113.0/24 4000000000 {NOW - 60} {JAIL} bh2")
    given = Allowance("203.0.113.77", NOW + 9000, NOW, "page:support", "a user called")
    path = Path(find_allowances(page.settings.spool))
    path.write_text(format_allowances([given]))
    assert "203.0.113.77 allowed" in text(page.log_in("viewer").get("/address", q="203.0.113.77"))


@pytest.mark.parametrize(
    "line", ["x 4000000000 1 j s", "203.0.113.9 inf nan j s", "203.0.113.9", "\x00" * 99, "\u00fc"]
)
def test_what_the_receivers_user_wrote_breaks_no_page(page: Page, line: str) -> None:
    page.share(line)
    browser = page.log_in("viewer")
    assert "203.0.113.9 not banned" in text(browser.get("/address", q="203.0.113.9"))


@pytest.mark.parametrize("asked", ["", "x", "203.0.113.300", "'\"><script>", "\x00", "9" * 5000])
def test_what_is_no_address_is_said_so(page: Page, asked: str) -> None:
    answer = page.log_in("viewer").get("/address", q=asked)
    assert answer.status_code == 400
    assert "Type an address or a network" in answer.get_data(as_text=True)
    assert "<script>" not in answer.get_data(as_text=True)


def test_hostile_names_are_shown_as_text_everywhere(page: Page) -> None:
    page.hold(BAN)
    page.remember(HOSTILE)
    line = f"{NOW}.000000 fw1 sslvpn_login_failed failure 203.0.113.9 {HOSTILE.encode().hex()} - {{}}\n"
    (page.folder / "logs" / "evidence.log").write_text(line)
    names = ("what", "jail", "why", "by", "fortigate", "event")
    page.note(entry(**dict.fromkeys(names, HOSTILE)), entry(address=HOSTILE))
    browser = page.log_in("admin")
    for path in (
        "/",
        "/address?q=203.0.113.9",
        f"/audit?q={HOSTILE[:8]}",
        "/audit",
        "/bans",
        "/figures",
    ):
        shown = browser.get(path).get_data(as_text=True)
        assert "<script" not in shown
        assert not set("\x1b\u202e") & set(shown)
        assert path not in ("/", "/address?q=203.0.113.9") or "\\u202e" in shown
        assert "\u3164" not in shown


def test_bans_are_shown_page_by_page_and_by_rule(page: Page) -> None:
    bans = [f"10.0.{n // 250}.{n % 250} -1 {NOW - 100000 + n} 5 1" for n in range(120)]
    page.hold(*bans)
    page.hold(f"203.0.113.0/24 -1 {NOW} 3 1", jail=f"{JAIL}-network")
    browser = page.log_in("viewer")
    first = browser.get("/bans").get_data(as_text=True)
    assert "<h1>121 bans</h1>" in first
    assert first.count("<th scope=row>") == views.ROWS
    assert first.index("203.0.113.0/24") < first.index("10.0.0.119")
    last = browser.get("/bans", page=99).get_data(as_text=True)
    assert "Page 3 of 3" in last
    assert "<code>10.0.0.0</code>" in last
    assert "<h1>1 ban</h1>" in browser.get("/bans", rule=f"{JAIL}-network").get_data(as_text=True)


def test_a_ban_that_came_or_went_is_seen_at_the_next_look(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.hold(BAN)
    browser = page.log_in("viewer")
    assert "203.0.113.9 banned" in text(browser.get("/address", q="203.0.113.9"))
    page.hold()
    monkeypatch.setattr("page.bans.PAUSE", 0)
    assert "203.0.113.9 not banned" in text(browser.get("/address", q="203.0.113.9"))


def test_a_damaged_ban_file_is_an_error_and_no_empty_list(page: Page) -> None:
    page.hold(BAN)
    (page.folder / "spool" / f"{JAIL}-network.bans").write_text("# banstitch 1\n203.0")
    assert "the bans of banstitch-sslvpn_login_failed-network are not known" in text(
        page.log_in("viewer").get("/")
    )


def test_the_rhythm_of_each_fortigate_is_shown(page: Page) -> None:
    now = int(time.time())
    numbers = {
        "started": now - 7200,
        "polls:fw1": 119,
        "last_poll:fw1": now - 60,
        "last_event:fw1": now - 600,
        "polls:fw2": 110,
        "last_poll:fw2": now - 600,
        "last_event:fw2": 0,
    }
    page.count(numbers)
    shown = text(page.log_in("viewer").get("/"))
    assert re.search(r"fw1 10 m( \d+ s)? ago 1 m( \d+ s)? ago 1 m in time", shown)
    assert re.search(r"fw2 never 10 m( \d+ s)? ago 1 m silent", shown)


def test_the_audit_is_searched_by_text_and_kind(page: Page) -> None:
    page.note(
        entry(),
        entry(what="unban", why="Kunde rief an: \u00dcbung", by="page:anna"),
        entry(what="unban", address="198.51.100.3", by="carl"),
    )
    browser = page.log_in("viewer")
    assert "page:anna" in text(browser.get("/audit", q="ANNA"))
    assert "carl" not in text(browser.get("/audit", q="ANNA"))
    assert "page:anna" in text(browser.get("/audit", q="rief an"))
    only = text(browser.get("/audit", q="198.51", kind="unban"))
    assert "198.51.100.3" in only
    assert "203.0.113.9" not in only
    assert "No entry" in text(browser.get("/audit", q="198.51", kind="ban"))


def test_charts_count_bans_events_and_guesses_kept_out(page: Page) -> None:
    now = int(time.time())
    events = [f"{now - 100 + n}.500000 {JAIL} bob 203.0.113.9 fw1" for n in (0, 10, 20)]
    page.note(entry(at=now - 70, until=now - 10, failures=3, events=events))
    page.hold(BAN)
    line = "%d.000000 fw1 sslvpn_login_failed %s 203.0.113.9 626f62 -\n"
    kinds = ("failure", "failure", "success")
    (page.folder / "logs" / "events.log").write_text("".join(line % (NOW, k) for k in kinds))
    shown = page.log_in("viewer").get("/figures").get_data(as_text=True)
    assert re.search(r'aria-label="Bans per day[^"]*"(.|\n)*?<text[^>]*>1</text>', shown)
    assert re.search(r"<th scope=row>\d\d h</th><td>2</td>", shown)
    assert re.search(r"<th scope=row>sslvpn_login_failed</th><td>6</td>", shown)


def test_pages_are_usable_without_a_script_a_mouse_or_eyes(page: Page) -> None:
    page.hold(BAN)
    page.note(entry())
    browser = page.log_in("admin")
    paths = ("/", "/address?q=203.0.113.9", "/bans", "/audit", "/figures", "/sessions")
    for shown in [browser.get(path).get_data(as_text=True) for path in paths]:
        assert "<html lang=en>" in shown
        assert '<a class=skip href="#main">' in shown
        assert shown.count("<h1") == 1
        assert "style=" not in shown.replace("rel=stylesheet", "")
        labelled = set(re.findall(r'<label for="?([\w-]+)', shown))
        named = set(re.findall(r'<(?:input|select) id="?([\w-]+)', shown))
        assert named <= labelled
        hidden = len(re.findall(r"<input type=hidden", shown))
        assert len(re.findall(r"<(?:input|select)\b", shown)) == hidden + len(named)
        assert not re.findall(r"<t[dh]>(?=.*</thead>)", shown)
