"""Host names and URLs of the ignore list on a real host: looked up, kept, changed and given up."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.site_helpers import EVENT, denied
from tests.lab.roots import build_ready_root
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab

OFFICE, NAME = "45.9.9.9", "office.example.com"
FIRST, SECOND = "45.8.0.9", "45.7.0.9"
FILE = "/var/lib/banstitch-watch/looked_up.json"


class Lists(ThreadingHTTPServer):
    """A web server with one list; no list: it is out of order."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.text = f"# offices\n{FIRST}/32\n"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/list"


class Handler(BaseHTTPRequestHandler):
    """Answers anybody with the list."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Lists)
        self.send_response(200 if self.server.text else 500)
        self.end_headers()
        self.wfile.write(self.server.text.encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def lists() -> Iterator[Lists]:
    with Lists() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(params=["bullseye", "trixie"])
def anywhere(request: Any, tmp_path: Path) -> Iterator[LabSite]:
    """A site on each Debian."""
    root = build_ready_root(request.param)
    with LabSite(tmp_path / "inventory", root, [fortigate_options()]) as site:
        yield site


def read(site: LabSite) -> dict[str, Any]:
    """Return what the service found."""
    text = site.host.console(f"cat {FILE} 2>/dev/null || echo '{{}}'").stdout
    found: dict[str, Any] = json.loads(text)
    return found


def look_up_again(site: LabSite) -> None:
    site.host.console("systemctl restart banstitch-watch", check=True)


def attack(site: LabSite, address: str) -> None:
    for _ in range(3):
        site.units[0].log_event(EVENT.format(address=address, user="x"))


def apply(site: LabSite) -> None:
    applied = site.run("apply", "-y")
    assert applied.code == 0, applied.out + applied.err


def test_names_and_urls_spare_what_they_stand_for(anywhere: LabSite, lists: Lists) -> None:
    site = anywhere
    site.host.console(f"echo '{OFFICE} {NAME}' >> /etc/hosts", check=True)
    site.write_inventory(f'detection_ignore: ["{NAME}", "{lists.url}"]')
    apply(site)
    assert within(60, lambda: read(site).get(lists.url, {}).get("networks") == [FIRST])
    assert within(60, lambda: read(site)[NAME]["networks"] == [OFFICE])
    assert site.run("plan", "--json").changes("bh1") == []

    attack(site, FIRST)
    attack(site, SECOND)
    assert within(60, lambda: denied(site, SECOND))
    assert not denied(site, FIRST)
    for address in (FIRST, OFFICE):
        refused = site.run("ban", address)
        assert refused.code == 1
        assert "ignore list" in refused.out + refused.err

    # the ban of what is in a newer list ends, and what is there no longer is banned
    lists.text = f"{SECOND}\n"
    look_up_again(site)
    assert within(60, lambda: not denied(site, SECOND))
    attack(site, FIRST)
    assert within(60, lambda: denied(site, FIRST))

    # the last good answer survives a failure and a restart
    lists.text = ""
    look_up_again(site)
    assert within(60, lambda: read(site)[lists.url]["error"] == "the server answers 500")
    assert site.run("ban", SECOND).code == 1
    assert site.run("status", "--json").target("bh1")["stale"] == []

    # without names there is no service, and nobody is spared by them
    site.write_inventory("")
    apply(site)
    assert "banstitch-watch" not in site.host.console("systemctl list-unit-files").stdout
    assert site.run("ban", OFFICE).code == 0
    assert site.run("plan", "--json").changes("bh1") == []


def test_a_name_that_nobody_has_is_shown_by_status(deployed: LabSite) -> None:
    deployed.write_inventory("detection_ignore: [office.invalid]")
    apply(deployed)
    (stale,) = deployed.run("status", "--json").target("bh1")["stale"]
    assert (stale["name"], stale["at"]) == ("office.invalid", 0)
    assert "office.invalid could not be looked up yet" in deployed.run("status").out
    assert deployed.run("teardown", "-y").code == 0
