"""The page on a real host: a help desk frees an address there, and nobody can do more than that."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests import PROJECT
from tests.e2e.browser import evaluate, start_chromium
from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.page_site import PASSWORD, Client, flood, page_settings
from tests.e2e.site_helpers import (
    ATTACKER,
    EVENT,
    PAGE_READABLE,
    denied,
    history,
    list_leftovers,
    list_readable,
)
from tests.lab.records import hold_lock
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab

REQUESTS = "/var/spool/banstitch-page"
HOSTILE = "<script>alert(1)</script>"
# Attackers whom people allow, and whom nobody may free.
ALLOWED, OTHER = "198.51.100.24", "198.51.100.25"
REQUEST = {
    "do": "unban",
    "network": OTHER,
    "seconds": 0,
    "by": "support",
    "why": b"forged".hex(),
}


@pytest.fixture
def help_desk(tmp_path: Path, ready_root: Path) -> Iterator[LabSite]:
    """A site with the page."""
    settings = page_settings()
    with LabSite(
        tmp_path / "inventory", ready_root, [fortigate_options()], settings=settings
    ) as site:
        applied = site.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        yield site


def attack(site: LabSite, *addresses: str) -> None:
    for address in addresses * 3:
        site.units[0].log_event(EVENT.format(address=address, user=HOSTILE))
    for address in addresses:
        assert within(60, partial(denied, site, address))


@pytest.fixture
def browser() -> Iterator[Chrome]:
    with hold_lock("browser"):
        subprocess.run(["sh", "tests/lab/install.sh", "browser"], cwd=PROJECT, check=True)
    with start_chromium() as driver:
        yield driver


def log_in(driver: Chrome, site: LabSite, name: str) -> None:
    driver.get(f"{Client(site).origin}/login")
    driver.find_element(By.ID, "name").send_keys(name)
    driver.find_element(By.ID, "password").send_keys(PASSWORD)
    driver.find_element(By.CSS_SELECTOR, "main button").click()


def test_a_help_desk_frees_addresses_and_nobody_does_more_than_their_role(
    help_desk: LabSite, browser: Chrome
) -> None:
    site = help_desk
    assert site.run("plan", "--json").changes("bh1") == []
    assert list_readable(site.host, "banstitch-page") == PAGE_READABLE
    attack(site, ATTACKER, ALLOWED, OTHER)
    support = Client(site)
    nobody_acts_for_others(site, support)
    freed_in_three_clicks(site, browser)
    allowed_and_taken_back(site, support)
    flooded(site)
    assert "Traceback" not in site.host.console("journalctl -u banstitch-page").stdout

    # the right password does not help after a flood of wrong ones
    for _ in range(10):
        assert Client(site).log_in("support", "wrong").status == 401
    assert Client(site).log_in("support").status == 429

    site.write_inventory("page: off")
    assert site.run("apply", "-y").code == 0
    assert "banstitch-page" not in site.host.console("systemctl list-unit-files").stdout
    assert not [each for each in list_leftovers(site) if "page" in each]


def nobody_acts_for_others(site: LabSite, support: Client) -> None:
    viewer = Client(site)
    assert viewer.log_in("viewer").status == support.log_in("support").status == 303
    assert viewer.act("unban", ATTACKER).status == 403
    assert support.act("allow", "198.51.100.0/24", seconds="60").status == 400
    assert support.act("unban", ATTACKER, token="x").status == 403
    assert support.act("unban", ATTACKER, token=viewer.token()).status == 403
    support.headers["Origin"] = "https://evil.example"
    assert support.post("/act", do="unban", network=ATTACKER, why="because").status == 403
    del support.headers["Origin"]
    spoofed = Client(site, {"X-User": "admin"})
    assert spoofed.get("/").location == "/login"
    assert denied(site, ATTACKER)


def freed_in_three_clicks(site: LabSite, browser: Chrome) -> None:
    log_in(browser, site, "support")
    clicks = ["a[href='/address?q=198.51.100.23']", "form[aria-labelledby=unban] button"]
    browser.find_element(By.CSS_SELECTOR, clicks[0]).click()
    shown = evaluate(browser, "document.body.innerText")
    assert "banned" in shown
    assert HOSTILE in shown
    assert evaluate(browser, "document.scripts.length") == 0
    browser.find_element(By.ID, "why-unban").send_keys("Kunde rief an: \u00dcbung")
    browser.find_element(By.CSS_SELECTOR, clicks[1]).click()
    done = f"{ATTACKER} was unbanned"
    WebDriverWait(browser, 60).until(lambda d: done in evaluate(d, "document.body.innerText"))
    assert within(60, lambda: not denied(site, ATTACKER))
    entry = next(each for each in history(site) if each["what"] == "unban")
    assert (entry["by"], entry["why"]) == ("page:support", "Kunde rief an: \u00dcbung")
    assert not [e for e in browser.get_log("browser") if "favicon" not in e["message"]]  # type: ignore[no-untyped-call]


def allowed_and_taken_back(site: LabSite, support: Client) -> None:
    """An allowance ends the ban, and can be taken back."""
    said = support.act("allow", ALLOWED, seconds="3600").text
    assert f"{ALLOWED} is allowed until" in said
    assert within(60, lambda: not denied(site, ALLOWED))
    assert [a["by"] for a in site.run("bans", "--json").target("bh1")["allowances"]] == [
        "page:support"
    ]
    assert "no longer allowed" in support.act("unallow", ALLOWED).text
    attack(site, ALLOWED)


def flooded(site: LabSite) -> None:
    """Whatever the page's user writes into the spool, root does what a support user may, so many times."""
    for name, more in (
        ("0", {"do": "ban"}),
        ("1", {"network": "0.0.0.0/0"}),
        ("2", {"by": "viewer"}),
    ):
        text = json.dumps({"id": name * 32, **REQUEST, **more})
        flood(site, f"printf '%s' '{text}' > {REQUESTS}/180000000000{name}-0123abcd.json")
    number = "for n in $(seq 1000 1300)"
    text = json.dumps({"id": "f" * 32, **REQUEST, "network": "203.0.113.5"})
    flood(
        site,
        f"{number}; do printf '%s' '{text}' > {REQUESTS}/180000000$n-0123abcd.json; done",
        f"ln -s /etc/shadow {REQUESTS}/1800000009999-0123abcd.json",
        f"mkfifo {REQUESTS}/pipe.json",
        f"mkdir -p {REQUESTS}/a/b",
        f"echo x > {REQUESTS}/other",
    )
    assert within(60, lambda: site.host.console(f"ls -A {REQUESTS}").stdout == "")
    assert denied(site, OTHER)
    assert flood(site, f"ls {REQUESTS}").returncode != 0
    acts = json.loads(site.host.read("/var/spool/banstitch/page_acts.json"))["acts"]
    assert [by for _, by in acts].count("support") == 5
