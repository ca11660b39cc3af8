"""The page in a real browser: whole on a desk and on a phone, in light and dark, and usable by keyboard.

With ``BANSTITCH_UPDATE_SCREENSHOTS=1`` the pictures of docs/images/ are taken anew.
"""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from tests import PROJECT
from tests.e2e.browser import evaluate, read_traffic, serve_app, start_chromium
from tests.lab.records import hold_lock
from tests.unit.page.page_model import HOSTILE, JAIL, PASSWORD, Page

pytestmark = pytest.mark.lab

IMAGES = PROJECT / "docs" / "images"
PATHS = ("/", "/address?q=203.0.113.9", "/bans", "/audit", "/figures", "/sessions")
# What is told apart by eye needs this contrast (WCAG 2.1, AA).
CONTRAST = 4.5
# Returns the lowest contrast of a text to what lies behind it, with that text.
FIND_CONTRAST = """
const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 || m[3] > 0 ? m : null };
const light = c => {
  const [r, g, b] = c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b };
const back = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
  if (c) return c }
  return matchMedia('(prefers-color-scheme: dark)').matches ? [20, 23, 26] : [255, 255, 255] };
let worst = [99, ''];
for (const e of document.querySelectorAll('main *, header *')) {
  if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.closest('svg, .skip')) continue;
  const a = light(parse(getComputedStyle(e).color).slice(0, 3)), b = light(back(e).slice(0, 3));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < worst[0]) worst = [ratio, e.outerHTML.slice(0, 120)];
}
return worst
"""


def fill(page: Page) -> None:
    """Give the page something to show."""
    now = int(time.time())
    page.hold(
        f"203.0.113.9 {now + 3000} {now - 600} 5 2",
        *(f"198.51.100.{n} {now + 400 * n} {now - 700 * n} {5 + n % 4} 1" for n in range(1, 40)),
        f"2001:db8:1234:5678::/64 -1 {now - 90} 6 3",
    )
    page.hold(f"192.0.2.0/24 {now + 8000} {now - 900} 4 1", jail=f"{JAIL}-network")
    common = {"what": "ban", "jail": JAIL, "by": "fail2ban", "why": "5 events"}
    page.note(
        *(
            {"at": now - 3600 * n * 5 - 9, **common, "address": f"198.51.100.{n}"}
            for n in range(60, 0, -1)
        ),
        *(
            {
                "at": now - 600,
                "what": "ban",
                "address": "203.0.113.9",
                "jail": JAIL,
                "until": now + 3000,
                "why": "5 events",
                "by": "fail2ban",
                "fortigate": "fw-paris-1",
                "event": 'logid="0101039426" remip=203.0.113.9 user="jsmith" msg="SSL user failed"',
            },
        ),
    )
    line = "%d.000000 fw-paris-1 sslvpn_login_failed failure 203.0.113.9 %s sslvpn_login_permission_denied"
    users = ("jsmith", "jsmith", "admin", "test", HOSTILE)
    text = "".join(
        line % (now - 640 + 8 * n, u.encode().hex()) + " {}\n" for n, u in enumerate(users)
    )
    (page.folder / "logs" / "evidence.log").write_text(text)
    events = "%d.000000 fw-paris-1 sslvpn_login_failed %s 203.0.113.9 - -\n"
    hours = [(now - 86400 + 1200 * n, "success" if n % 5 == 0 else "failure") for n in range(72)]
    (page.folder / "logs" / "events.log").write_text("".join(events % each for each in hours))
    page.remember("jsmith")
    (page.folder / "rules" / "alive").touch()
    numbers = {"started": now - 86400}
    for name in page.settings.fortigates:
        numbers |= {
            f"polls:{name}": 1440,
            f"last_poll:{name}": now - 30,
            f"last_event:{name}": now - 600,
        }
    page.count(numbers)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The page over HTTPS, with bans, events and alarms."""
    page = Page(tmp_path, fortigates=("fw-paris-1", "fw-paris-2"))
    fill(page)
    with serve_app(page.app, ssl_context="adhoc") as port:
        yield f"https://127.0.0.1:{port}"


@pytest.fixture
def browser() -> Iterator[Chrome]:
    with hold_lock("browser"):
        subprocess.run(["sh", "tests/lab/install.sh", "browser"], cwd=PROJECT, check=True)
    with start_chromium() as driver:
        yield driver


def show(driver: Chrome, width: int, *, mobile: bool = False, dark: bool = False) -> None:
    """Give the browser a screen."""
    screen = {"width": width, "height": 900, "mobile": mobile, "deviceScaleFactor": 1}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def log_in(driver: Chrome, url: str, name: str = "admin") -> None:
    driver.get(f"{url}/login")
    driver.find_element(By.ID, "name").send_keys(name)
    driver.find_element(By.ID, "password").send_keys(PASSWORD, Keys.ENTER)
    assert evaluate(driver, "location.pathname") == "/"


@pytest.mark.parametrize(("width", "mobile"), [(1200, False), (360, True)])
@pytest.mark.parametrize("dark", [False, True])
def test_each_page_is_whole_and_readable(
    browser: Chrome, url: str, width: int, mobile: bool, dark: bool
) -> None:
    show(browser, width, mobile=mobile, dark=dark)
    log_in(browser, url)
    for path in PATHS:
        browser.get(url + path)
        assert evaluate(browser, "document.documentElement.scrollWidth") <= width, path
        assert evaluate(browser, "document.scripts.length") == 0
        contrast, text = browser.execute_script(FIND_CONTRAST)
        assert contrast >= CONTRAST, (path, text)


def test_no_page_asks_anybody_else_or_breaks_its_own_policy(browser: Chrome, url: str) -> None:
    browser.execute_cdp_cmd("Network.enable", {})
    log_in(browser, url)
    for path in PATHS:
        browser.get(url + path)
    traffic = read_traffic(browser)
    asked = [each for each in traffic.requested if each.startswith("http")]
    assert asked
    assert all(each.startswith(url) for each in asked)
    assert not [message for message in traffic.complaints if "favicon" not in message]


def test_the_keyboard_reaches_the_content_first_and_then_everything(
    browser: Chrome, url: str
) -> None:
    log_in(browser, url, "support")
    browser.get(f"{url}/address?q=203.0.113.9")
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert evaluate(browser, "document.activeElement.className") == "skip"
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert evaluate(browser, "location.hash") == "#main"
    seen = []
    for _ in range(20):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        seen.append(evaluate(browser, "document.activeElement.id"))
    assert seen.index("why-unban") < seen.index("why-allow") < seen.index("seconds")


def test_the_pictures_of_the_documentation_can_be_taken(
    browser: Chrome, url: str, tmp_path: Path
) -> None:
    folder = IMAGES if os.environ.get("BANSTITCH_UPDATE_SCREENSHOTS") else tmp_path / "images"
    folder.mkdir(exist_ok=True)
    log_in(browser, url, "support")
    for name, path, width, dark in (
        ("page-desk", "/", 1100, False),
        ("page-phone", "/address?q=203.0.113.9", 390, False),
        ("page-dark", "/address?q=203.0.113.9", 1100, True),
    ):
        show(browser, width, mobile=width < 500, dark=dark)
        browser.get(url + path)
        taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        (folder / f"{name}.png").write_bytes(base64.b64decode(taken["data"]))
    assert {each.name for each in folder.iterdir()} == {each.name for each in IMAGES.iterdir()}
