"""The status page in a real browser: it is whole on a desk and on a phone, and asks nobody else."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait

from tests import PROJECT
from tests.e2e.browser import evaluate, open_page, serve_app, start_chromium
from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.site_helpers import ATTACKER, EVENT, denied, tokens
from tests.lab.records import hold_lock
from tests.lab.stopwatch import within
from tests.unit.receiver.receiver_app import LINE, Receiver

pytestmark = pytest.mark.lab

DAY = 86400
WIDTHS = {"a desk": (1200, False), "a phone": (360, True)}
BARS = (
    "[...document.querySelectorAll('rect')].filter(bar => bar.getBoundingClientRect().height > 1)"
)
LONGEST = "2001:db8:1234:5678:9abc:def0:1234:5678"


@pytest.fixture(scope="module")
def chromium() -> None:
    """The distribution's Chromium, installed where it is missing."""
    with hold_lock("browser"):  # two package managers at once get in each other's way
        subprocess.run(["sh", "tests/lab/install.sh", "browser"], cwd=PROJECT, check=True)


@pytest.fixture
def browser(chromium: None) -> Iterator[Chrome]:
    with start_chromium() as driver:
        yield driver


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A receiver with a long history and many bans, reachable over HTTP."""
    receiver, now = Receiver(tmp_path), time.time()
    live = {f"203.0.113.{n}": now + 60 * n * n for n in range(5, 20)}
    receiver.bans(live | {LONGEST: -1})
    bans = [{"at": now - DAY * (n % 13), "what": "ban"} for n in range(100) for _ in range(n % 7)]
    (tmp_path / "audit.log").write_text("\n".join(map(json.dumps, bans)))
    for _ in range(40):
        receiver.post(LINE % "203.0.113.9")
    receiver.feed()
    with serve_app(receiver.client.application) as port:
        yield f"http://127.0.0.1:{port}/status"


@pytest.mark.parametrize("screen", WIDTHS)
def test_all_of_it_is_there_and_nothing_sticks_out_on(
    browser: Chrome, url: str, screen: str
) -> None:
    width, mobile = WIDTHS[screen]
    traffic = open_page(browser, url, "status:s-secret", width, mobile=mobile)
    assert traffic.statuses == {url: 200}
    text = evaluate(browser, "document.body.innerText")
    assert "16 bans" in text
    assert LONGEST in text
    assert evaluate(browser, "innerWidth") == width
    assert evaluate(browser, "document.documentElement.scrollWidth") <= width
    assert evaluate(browser, f"{BARS}.length") == 13
    assert (
        evaluate(browser, "document.querySelector('svg').getBoundingClientRect().width") > width / 2
    )
    smallest = "Math.min(...[...document.querySelectorAll('td')].map(cell => parseFloat(getComputedStyle(cell).fontSize)))"  # noqa: E501
    assert evaluate(browser, smallest) >= 12


def test_it_is_without_scripts_and_asks_nobody_else(browser: Chrome, url: str) -> None:
    traffic = open_page(browser, url, "status:s-secret", 1200, mobile=False)
    assert set(traffic.requested) <= {url, url.replace("/status", "/favicon.ico")}
    assert evaluate(browser, "document.scripts.length") == 0
    assert not [message for message in traffic.complaints if "favicon" not in message]


def test_a_browser_is_shown_what_happens_on_a_real_host(
    browser: Chrome, tmp_path: Path, ready_root: Path
) -> None:
    units, settings = [fortigate_options(), fortigate_options()], "receiver_status_page: true"
    with LabSite(tmp_path / "inventory", ready_root, units, settings=settings) as site:
        applied = site.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        for _ in range(3):
            site.units[0].log_event(
                EVENT.format(address=ATTACKER, user="<script>alert(1)</script>")
            )
        assert within(60, lambda: denied(site, ATTACKER))
        assert within(60, lambda: denied(site, ATTACKER, unit=1))
        page = f"https://{site.host.address}:5000/status"

        refused = open_page(browser, page, "status:wrong", 360, mobile=True)
        assert refused.statuses[page] == 401
        login = f"status:{tokens(site)['status']}"
        shown = open_page(browser, page, login, 360, mobile=True)

        assert shown.statuses[page] == 200
        text = evaluate(browser, "document.body.innerText")
        assert "Banstitch working" in text
        assert "cannot" not in text
        assert "1 ban\n" in text
        assert ATTACKER in text
        assert re.search(r"\t(5\d m|1 h)", text)
        rows = evaluate(browser, "[...document.querySelectorAll('tr')].map(row => row.innerText)")
        seen = [row for row in rows if row.startswith("fgt") and "ago" in row]
        assert [row.split("\t")[0] for row in seen] == ["fgt1", "fgt2"], rows
        assert seen[1].startswith("fgt2\tnever")
        assert "fgt1\t3\t0\t0\t0" in rows
        assert evaluate(browser, "document.documentElement.scrollWidth") <= 360
        WebDriverWait(browser, 60).until(lambda _: count_bars(browser, page, login) == 1)


def count_bars(browser: Chrome, page: str, login: str) -> int:
    """Load the page again, and return how many days of its picture have bans."""
    open_page(browser, page, login, 360, mobile=True)
    return int(evaluate(browser, f"{BARS}.length"))
