"""Debian's Chromium, headless, driven by Selenium."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from werkzeug.serving import make_server

# Selenium would otherwise look for a driver to download.
DRIVER = "/usr/bin/chromedriver"
CHROMIUM = "/usr/bin/chromium"


@dataclass
class Traffic:
    """What Chromium asked for, which answers it got, and what it logged about them."""

    requested: list[str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def serve_app(app: Any, **options: Any) -> Iterator[int]:
    """Serve a WSGI app on a thread of its own, and yield its port.

    ``options``: those of werkzeug's server.
    """
    server = make_server("127.0.0.1", 0, app, threaded=True, **options)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


@contextmanager
def start_chromium() -> Iterator[Chrome]:
    """Yield a Chromium that accepts any certificate and records its traffic."""
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    options.accept_insecure_certs = True
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(argument)
    driver = Chrome(options, Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def open_page(driver: Chrome, url: str, login: str, width: int, *, mobile: bool) -> Traffic:
    """Load a page on a screen ``width`` pixels wide, and return the traffic this caused.

    Args:
        login: the user and the password, as "user:password".
    """
    encoded = base64.b64encode(login.encode()).decode()
    headers = {"Authorization": f"Basic {encoded}"}
    screen = {"width": width, "height": 800, "mobile": mobile, "deviceScaleFactor": 1}
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": headers})
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    read_traffic(driver)  # of the page before
    driver.get(url)
    return read_traffic(driver)


def read_traffic(driver: Chrome) -> Traffic:
    """Return what was recorded since the last call."""
    traffic = Traffic()
    for entry in _read_log(driver, "performance"):
        message = json.loads(entry["message"])["message"]
        _add_event(traffic, message["method"], message["params"])
    traffic.complaints += [entry["message"] for entry in _read_log(driver, "browser")]
    return traffic


def _read_log(driver: Chrome, name: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = driver.get_log(name)  # type: ignore[no-untyped-call]
    return entries


def _add_event(traffic: Traffic, method: str, params: dict[str, Any]) -> None:
    if method == "Network.requestWillBeSent":
        traffic.requested.append(params["request"]["url"])
    elif method == "Network.responseReceived":
        traffic.statuses[params["response"]["url"]] = params["response"]["status"]


def evaluate(driver: Chrome, expression: str) -> Any:
    """Return the value of a JavaScript expression in the page."""
    return driver.execute_script(f"return {expression}")
