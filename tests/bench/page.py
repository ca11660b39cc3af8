"""Measure the page of a help desk on a real host, with the bans that are there.

A part of tests.bench.bans.
"""

from __future__ import annotations

import itertools
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence

from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests import PROJECT
from tests.bench.host import Bench
from tests.e2e.browser import evaluate, start_chromium
from tests.e2e.page_site import PASSWORD, Client

PAGES = ("/", "/bans", "/address?q=46.0.9.9", "/figures")
# How often each page is loaded, and the seconds within which it has to be seen.
LOADS, FIRST_PAINT = 9, 0.3
MEMORY = """
for p in $(cat /sys/fs/cgroup/system.slice/banstitch-page.service/cgroup.procs)
do awk '/^Pss:/{print $2}' /proc/$p/smaps_rollup; done
"""
ENTRIES = "performance.getEntriesByName('first-contentful-paint')"


def measure(bench: Bench, ban_one: Callable[[int], None]) -> None:
    """Measure each page when no ban changed, and just after one was added, which is read anew.

    ``ban_one``: bans another address, by a number, and waits for it.
    """
    client, numbers = Client(bench.site), itertools.count()
    if client.log_in("admin").status != 303:
        raise RuntimeError("nobody can log in to the page")

    def load(path: str) -> float:
        return measure_request(client, path)

    def load_after_ban(path: str) -> float:
        ban_one(next(numbers))
        return measure_request(client, path)

    for path in PAGES:
        report_times(bench, f"https, {path}", [load(path) for _ in range(LOADS)])
        times = [load_after_ban(path) for _ in range(LOADS)]
        report_times(bench, "the same, just after a ban", times)
    measure_paints(bench, client.origin, lambda: ban_one(next(numbers)))
    mib = sum(map(int, bench.host.console(MEMORY, check=True).stdout.split())) / 1024
    bench.report("memory of the page", f"{mib:.0f} MiB")


def measure_paints(bench: Bench, origin: str, ban_one: Callable[[], None]) -> None:
    """Measure the first paint of each page in headless Chromium."""
    subprocess.run(["sh", "tests/lab/install.sh", "browser"], cwd=PROJECT, check=True)
    with start_chromium() as driver:
        log_in(driver, origin)
        for path in PAGES:
            times = []
            for _ in range(LOADS):
                ban_one()
                times.append(measure_paint(driver, origin + path))
            report_times(bench, f"first paint of {path}, just after a ban", times, FIRST_PAINT)


def measure_request(client: Client, path: str) -> float:
    """Return the seconds from the connection to the last byte of a page."""
    began = time.perf_counter()
    if client.get(path).status != 200:
        raise RuntimeError(f"{path} is not shown")
    return time.perf_counter() - began


def measure_paint(driver: Chrome, url: str) -> float:
    """Return the seconds from the start of the navigation to the first paint of content."""
    driver.get(url)
    WebDriverWait(driver, 30, 0.02).until(lambda d: evaluate(d, f"{ENTRIES}.length"))
    return float(evaluate(driver, f"{ENTRIES}[0].startTime")) / 1000


def log_in(driver: Chrome, origin: str) -> None:
    """Log in, and wait for the first page."""
    driver.get(f"{origin}/login")
    driver.find_element(By.ID, "name").send_keys("admin")
    driver.find_element(By.ID, "password").send_keys(PASSWORD, Keys.ENTER)
    WebDriverWait(driver, 30).until(lambda d: evaluate(d, "location.pathname") == "/")


def report_times(bench: Bench, what: str, times: Sequence[float], limit: float = 0) -> None:
    """Report the median and the longest of some times; ``limit``: of the median, in seconds."""
    median = statistics.median(times)
    promise = f"within {1000 * limit:.0f} ms" if limit else ""
    result = f"{1000 * median:.0f} ms, at most {1000 * max(times):.0f}"
    bench.report(what, result, promise, not limit or median <= limit)
