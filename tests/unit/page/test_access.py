"""Who may see the page and act on it, and what does not get anybody in."""

from __future__ import annotations

import re
import time
from io import BytesIO
from pathlib import Path

import pytest
from banstitch_shared.service import read_uptime
from page import access, store

from tests.unit.page.page_model import HASH, ORIGIN, PASSWORD, Page

DAY = 86400
PAGES = (
    "/",
    "/address?q=203.0.113.9",
    "/bans",
    "/audit",
    "/figures",
    "/sessions",
    "/done/" + "0" * 32,
)


@pytest.mark.parametrize("path", PAGES)
def test_without_a_session_there_is_only_the_form_to_log_in(page: Page, path: str) -> None:
    answer = page.browser().get(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert page.browser().get("/login").status_code == 200


def test_a_login_gives_a_cookie_that_only_this_page_gets(page: Page) -> None:
    cookie = page.browser().log_in("support").headers["Set-Cookie"]
    assert cookie.startswith("__Host-banstitch=")
    for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in cookie
    assert "Domain" not in cookie


def test_each_login_begins_a_session_of_its_own(page: Page) -> None:
    first, second = page.browser(), page.browser()
    cookies = {each.log_in("support").headers["Set-Cookie"] for each in (first, second)}
    assert len(cookies) == 2
    first.post("/logout", token=first.token())
    assert first.get("/").status_code == 303
    assert second.get("/").status_code == 200


def test_a_logout_ends_the_session_and_not_only_the_cookie(page: Page) -> None:
    support, admin = page.log_in("support"), page.log_in("admin")
    of_support = "End the session of support"
    assert of_support in admin.get("/sessions").get_data(as_text=True)
    support.post("/logout", token=support.token())
    assert of_support not in admin.get("/sessions").get_data(as_text=True)


def test_a_wrong_name_and_a_wrong_password_are_refused_alike(page: Page) -> None:
    answers = [page.browser().log_in("support", "wrong"), page.browser().log_in("nobody", "wrong")]
    assert [each.status_code for each in answers] == [401, 401]
    first, second = (each.get_data(as_text=True).split("<footer>")[0] for each in answers)
    assert first == second


def test_who_has_no_password_cannot_log_in_with_one(page: Page) -> None:
    assert page.browser().log_in("sso", "").status_code == 401


def test_a_flood_of_logins_is_refused_by_name_and_by_address(page: Page) -> None:
    for _ in range(access.OF_ADDRESS):
        assert page.browser("192.0.2.1").log_in("support", "wrong").status_code == 401
    # by name, even with the right password, and by address, whatever the name
    assert page.browser("192.0.2.2").log_in("support").status_code == 429
    assert page.browser("192.0.2.1").log_in("viewer").status_code == 429
    assert page.browser("192.0.2.2").log_in("viewer").status_code == 303


def test_the_limit_holds_for_all_workers_and_after_a_restart(page: Page) -> None:
    for number in range(access.OF_NAME):
        page.browser(f"192.0.2.{number}").log_in("support", "wrong")
    other = Page(page.folder)
    assert other.browser("192.0.2.200").log_in("support").status_code == 429


def test_a_session_is_known_to_all_workers_and_ends_with_the_settings_of_its_user(
    page: Page,
) -> None:
    browser = page.log_in("support")
    other = Page(page.folder)
    browser.client.application = other.app
    assert browser.get("/").status_code == 200
    users = {
        **page.settings.users,
        "support": page.settings.users["support"]._replace(role="viewer"),
    }
    browser.client.application = Page(page.folder, users=users).app
    assert browser.get("/").status_code == 303


@pytest.mark.parametrize("later", [1801, 36001])
def test_a_session_ends_when_it_is_idle_or_old(
    page: Page, monkeypatch: pytest.MonkeyPatch, later: int
) -> None:
    browser, now = page.log_in("support"), read_uptime()
    if later > 36000:
        for step in range(0, 36000, 1200):
            monkeypatch.setattr(store, "read_uptime", lambda step=step: now + step)
            assert browser.get("/login").status_code == 200
            assert browser.get("/bans").status_code == 200
    monkeypatch.setattr(store, "read_uptime", lambda: now + later)
    assert browser.get("/bans").status_code == 303


@pytest.mark.parametrize("step", [-400 * DAY, -60, 60, 400 * DAY])
def test_a_clock_that_is_set_ends_no_session_and_lifts_no_limit(
    page: Page, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    browser, now = page.log_in("admin"), time.time()
    for _ in range(access.OF_ADDRESS):
        page.browser("192.0.2.1").log_in("support", "wrong")
    monkeypatch.setattr(time, "time", lambda: now + step)
    assert browser.get("/bans").status_code == 200
    shown = browser.get("/sessions").get_data(as_text=True)
    assert re.search(r"<th scope=row>admin</th>.*<td>\d s ago</td><td>\d s ago</td>", shown)
    assert page.browser("192.0.2.2").log_in("support").status_code == 429


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://ban1.example:8443"]
)
def test_a_form_of_another_site_is_refused(page: Page, origin: str | None) -> None:
    assert (
        page.browser().post("/login", origin, name="support", password=PASSWORD).status_code == 403
    )
    browser = page.log_in("support")
    form = {"do": "unban", "network": "203.0.113.9", "why": "because", "token": browser.token()}
    assert browser.post("/act", origin, **form).status_code == 403
    assert page.asked() == []


@pytest.mark.parametrize("token", ["", "x", "\u00fc"])
def test_a_form_without_the_token_of_its_session_is_refused(page: Page, token: str) -> None:
    browser, other = page.log_in("support"), page.log_in("admin")
    for wrong in (token, other.token()):
        form = {"do": "unban", "network": "203.0.113.9", "why": "because", "token": wrong}
        assert browser.post("/act", **form).status_code == 403
        assert browser.post("/logout", token=wrong).status_code == 403
    assert page.asked() == []


def test_behind_a_proxy_its_url_is_the_origin(tmp_path: Path) -> None:
    page = Page(tmp_path, url="https://bans.example.com")
    form = {"name": "support", "password": PASSWORD}
    assert page.browser().post("/login", "https://bans.example.com", **form).status_code == 303
    assert page.browser().post("/login", ORIGIN, **form).status_code == 403


@pytest.fixture
def proxied(tmp_path: Path) -> Page:
    return Page(tmp_path, header="X-Forwarded-User", proxies=("192.0.2.80/32",))


def test_a_trusted_proxy_names_the_user(proxied: Page) -> None:
    browser = proxied.browser("192.0.2.80", X_Forwarded_User="sso")
    assert browser.get("/address", q="203.0.113.9").headers["Location"] == "/address?q=203.0.113.9"
    assert "sso (support)" in browser.get("/").get_data(as_text=True)


@pytest.mark.parametrize("name", ["nobody", "", "support,admin", "admin\u00fc"])
def test_a_proxy_that_names_nobody_we_know_gets_the_form(proxied: Page, name: str) -> None:
    browser = proxied.browser("192.0.2.80", X_Forwarded_User=name)
    assert browser.get("/").headers["Location"] == "/login"


def test_the_header_counts_from_trusted_proxies_only(proxied: Page, page: Page) -> None:
    for each in (proxied, page):
        browser = each.browser("192.0.2.81", X_Forwarded_User="admin")
        assert browser.get("/").headers["Location"] == "/login"
    # nor does it lift somebody who has logged in
    browser = proxied.browser("192.0.2.81", X_Forwarded_User="admin")
    browser.log_in("viewer")
    assert "viewer (viewer)" in browser.get("/").get_data(as_text=True)


def test_a_session_of_the_proxy_ends_when_it_names_somebody_else(proxied: Page) -> None:
    browser = proxied.browser("192.0.2.80", X_Forwarded_User="sso")
    browser.get("/")
    browser.headers = {"X-Forwarded-User": "viewer"}
    browser.get("/")
    assert "viewer (viewer)" in browser.get("/").get_data(as_text=True)


def test_the_address_behind_a_proxy_is_limited_and_cannot_be_invented(proxied: Page) -> None:
    for _ in range(access.OF_ADDRESS):
        proxied.browser("192.0.2.80", X_Forwarded_For="198.51.100.1, 203.0.113.5").log_in("a", "x")
    forged = proxied.browser("192.0.2.80", X_Forwarded_For="198.51.100.2, 203.0.113.5")
    assert forged.log_in("viewer").status_code == 429
    other = proxied.browser("192.0.2.80", X_Forwarded_For="203.0.113.6")
    assert other.log_in("viewer").status_code == 303


def test_only_an_admin_sees_and_ends_sessions(page: Page) -> None:
    support, admin = page.log_in("support"), page.log_in("admin")
    assert support.get("/sessions").status_code == 403
    text = admin.get("/sessions").get_data(as_text=True)
    assert HASH not in text
    theirs = text.partition("<th scope=row>support</th>")[2]
    session = theirs.partition('name=id value="')[2].partition('"')[0]
    assert support.post("/sessions", token=support.token(), id=session).status_code == 403
    assert admin.post("/sessions", token=admin.token(), id=session).status_code == 303
    assert support.get("/").status_code == 303
    assert admin.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/login", "/style.css", "/healthz/live", "/nothing", "/"])
def test_every_answer_forbids_scripts_frames_and_guesses(page: Page, path: str) -> None:
    headers = page.browser().get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_a_large_form_is_refused(page: Page) -> None:
    assert page.browser().post("/login", name="x" * 10000, password="x").status_code == 413


@pytest.mark.parametrize("length", ["", "20"])
def test_a_form_in_chunks_is_refused_before_it_is_read(page: Page, length: str) -> None:
    """Of the lengths that stand beside each other, gunicorn passes both on and believes the chunks."""
    body = BytesIO(b"name=support&password=" + b"x" * 100000)
    environ = {"HTTP_TRANSFER_ENCODING": "Chunked", "wsgi.input_terminated": True}
    answer = page.app.test_client().post(
        "/login",
        headers={"Origin": ORIGIN},
        content_type="application/x-www-form-urlencoded",
        base_url=ORIGIN,
        environ_overrides=environ | {"wsgi.input": body, "CONTENT_LENGTH": length},
        environ_base={"REMOTE_ADDR": "192.0.2.7"},
    )
    assert answer.status_code == 411
    assert body.tell() == 0


def test_a_browser_cannot_name_a_user_in_a_header_that_the_proxy_lets_through() -> None:
    sent = [("HOST", "a"), ("X_FORWARDED_USER", "admin"), ("X-FORWARDED_FOR", "192.0.2.1")]
    assert access.drop_ambiguous([*sent, ("X-FORWARDED-USER", "anna")]) == [
        ("HOST", "a"),
        ("X-FORWARDED-USER", "anna"),
    ]
