"""The forms that free an address: they become requests to root, and the answer is shown."""

from __future__ import annotations

import json
import os
import time

import pytest
from banstitch_shared.request_file import take_requests
from page import requests
from page.acts import Act, read_act

from tests.unit.page.page_model import Calls, Page

NOW = int(time.time())


@pytest.mark.parametrize("name", ["support", "admin"])
def test_a_form_becomes_a_request_with_its_author(page: Page, name: str) -> None:
    answer = page.log_in(name).act(
        "allow", "2001:DB8::5", seconds=28800, why="  K\u00fcnde\n rief an "
    )
    (asked,) = page.asked()
    assert answer.headers["Location"] == f"/done/{asked['id']}?network=2001:db8::5"
    act = read_act(json.dumps(asked).encode())
    assert act == Act(asked["id"], "allow", "2001:db8::5", 28800, name, "K\u00fcnde rief an")


@pytest.mark.parametrize("letter", ["x", "\u0436", "\u96fb", "\U0001f600"])
def test_root_takes_the_longest_reason_in_any_script(page: Page, letter: str) -> None:
    why = letter * 150
    page.log_in("admin").act("allow", "2001:db8:1111:2222:3333:4444:5555:6666", why=why)
    (text,) = take_requests(page.settings.requests, os.getuid())
    assert read_act(text).why == why


def test_a_viewer_sees_no_form_and_cannot_act(page: Page) -> None:
    page.hold(f"203.0.113.9 -1 {NOW} 5 1")
    browser = page.log_in("viewer")
    assert "/act" not in browser.get("/address", q="203.0.113.9").get_data(as_text=True)
    assert browser.act("unban", "203.0.113.9").status_code == 403
    assert page.asked() == []


@pytest.mark.parametrize(
    "form",
    [
        {"do": "ban"},
        {"do": "shield"},
        {"network": "203.0.113.0/24"},
        {"network": "0.0.0.0/0"},
        {"network": "2001:db8::/32"},
        {"network": "x"},
        {"why": ""},
        {"why": "  x "},
        {"why": "x" * 151},
        {"why": "a\u202eb and more"},
        {"why": "a\u3164b and more"},
        {"do": "allow", "seconds": ""},
        {"do": "allow", "seconds": "1"},
        {"do": "allow", "seconds": "99999999"},
        {"do": "allow", "seconds": "nan"},
    ],
)
def test_what_is_out_of_bounds_is_not_asked_for(page: Page, form: dict[str, str]) -> None:
    answer = page.log_in("admin").act(**{"do": "unban", "network": "203.0.113.9", **form})
    assert answer.status_code == 400
    assert "Nothing was done" in answer.get_data(as_text=True)
    assert page.asked() == []


def test_a_forged_duration_is_refused_in_our_own_words(page: Page) -> None:
    answer = page.log_in("admin").act("allow", "203.0.113.9", seconds="nan", why="a user called")
    assert "the duration must be a number of seconds" in answer.get_data(as_text=True)


def test_the_answer_is_shown_and_until_then_the_page_asks_again(page: Page, calls: Calls) -> None:
    page.hold(f"203.0.113.9 -1 {NOW} 5 1")
    browser = page.log_in("support")
    done = browser.act("unban", "203.0.113.9").headers["Location"]
    assert "http-equiv=refresh" in browser.get(done).get_data(as_text=True)
    requests.handle(page.settings, json.dumps(page.asked()[0]).encode(), time.time())
    shown = browser.get(done).get_data(as_text=True)
    assert "203.0.113.9 was unbanned" in shown
    assert "http-equiv=refresh" not in shown
    assert browser.get("/done/" + "g" * 32).status_code == 404
