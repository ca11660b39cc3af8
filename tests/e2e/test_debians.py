"""Each Debian that is supported: its own fail2ban (0.11, 1.0, 1.1) and Python (3.9, 3.11, 3.13)."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from tests.bench.load import get, post, run
from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.page_site import Client, page_settings
from tests.e2e.poller import trusting
from tests.e2e.site_helpers import (
    ATTACKER,
    EVENT,
    FAIL2BAN,
    PAGE_READABLE,
    denied,
    history,
    list_leftovers,
    list_readable,
    tokens,
)
from tests.lab.roots import build_bare_root, build_ready_root
from tests.lab.stopwatch import within
from tests.unit.receiver.hostile_lines import HOSTILE_REMIPS, IN_EITHER_ORDER

pytestmark = pytest.mark.lab


def hostile_addresses_ban_nobody(site: LabSite) -> None:
    """What is an address differs between Pythons; what is taken must not."""
    log, token = "/var/log/banstitch/events.log", tokens(site)["webhook:fgt1"]
    before = site.host.read(log)
    requests = (
        post("/receive-logs", (line % remip).encode(), X_Banstitch_Token=token)
        for remip in HOSTILE_REMIPS
        for line in IN_EITHER_ORDER
    )
    peer = (site.host.address, 5000)
    answered = run(peer, requests, at_once=1, encrypt=trusting(site))
    assert set(answered.statuses) == {200, 400}
    assert site.host.read(log) == before


def a_login_that_is_no_text_is_refused_like_any_other(site: LabSite) -> None:
    """What is made of such bytes differs between the Flasks."""
    login = base64.b64encode(b"\xff:\xff").decode()
    paths = ("/blocked-ips", "/metrics")
    requests = (get(path, Authorization=f"Basic {login}") for path in paths)
    answered = run((site.host.address, 5000), requests, at_once=1, encrypt=trusting(site))
    assert answered.statuses == {401: 2}
    journal = site.host.console("journalctl -u banstitch-receiver -o cat --no-pager").stdout
    assert "Traceback" not in journal


def the_page_frees(site: LabSite, address: str) -> None:
    """The page runs on the Flask, the gunicorn and the systemd of each Debian."""
    support = Client(site)
    assert support.log_in("support").status == 303
    assert support.get("/figures").status == 200
    assert f"{address} was unbanned" in support.act("unban", address).text
    assert list_readable(site.host, "banstitch-page") == PAGE_READABLE


def test_a_first_apply_works_where_the_package_starts_fail2ban(tmp_path: Path) -> None:
    """Debian 13's own jail needs no log file, so fail2ban runs before our jails are in place."""
    with LabSite(tmp_path / "inventory", build_bare_root("trixie")) as site:
        applied = site.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        assert site.run("verify").code == 0


@pytest.mark.parametrize("suite", FAIL2BAN)
def test_deploy_ban_operate_verify_and_teardown_on(tmp_path: Path, suite: str) -> None:
    units, root = [fortigate_options()], build_ready_root(suite)
    with LabSite(tmp_path / "inventory", root, units, settings=page_settings()) as site:
        version = site.host.console(["fail2ban-client", "--version"], check=True).stdout
        assert FAIL2BAN[suite] in version
        before = site.list_files()

        applied = site.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        for user in ("root", "admin", "x remip=8.8.8.8"):
            site.units[0].log_event(EVENT.format(address=ATTACKER, user=user))
        assert within(60, lambda: denied(site, ATTACKER))
        assert not denied(site, "8.8.8.8")
        assert within(60, lambda: len(history(site)) == 1)  # a ban is in the feed first
        (noted,) = history(site)
        assert noted["fortigate"] == "fgt1"
        assert noted["event"] == EVENT.format(address=ATTACKER, user="x remip=8.8.8.8")

        hostile_addresses_ban_nobody(site)
        a_login_that_is_no_text_is_refused_like_any_other(site)

        said = site.host.console("systemd-analyze security banstitch-receiver", check=True).stdout
        (rating,) = re.findall(r"level for banstitch-receiver.service: ([0-9.]+)", said)
        assert float(rating) <= 1.2

        assert site.run("ban", "203.0.113.5", "--for", "-1").code == 0
        assert site.run("unban", ATTACKER).code == 0
        assert site.run("ban", "203.0.113.6").code == 0
        the_page_frees(site, "203.0.113.6")
        site.host.console("systemctl kill -s KILL fail2ban; systemctl restart fail2ban", check=True)
        verified = site.run("verify")
        # the hostile posts above could not be read: that is no site that is well
        assert verified.code == 2, verified.out + verified.err
        assert "has left the feed" in verified.out
        assert "posts of the last 24 hours could not be read" in verified.out
        assert denied(site, "203.0.113.5")
        assert not denied(site, ATTACKER)
        assert not denied(site, "203.0.113.6")
        assert site.run("plan").code == 0

        gone = site.run("teardown", "-y", "--purge-data")
        assert gone.code == 0, gone.out + gone.err
        assert site.list_files() == before
        assert list_leftovers(site) == []
