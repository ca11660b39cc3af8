"""What grows under attack stays within its bounds, and nothing is lost when it is cut: feed and logs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.poller import Poller, feed
from tests.e2e.site_helpers import EVENT
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab

JAIL = "banstitch-sslvpn_login_failed"
LIMIT = 5
FULL = f"the feed is full: 3 bans have no room in it (receiver_feed_limit is {LIMIT})"
OLD = [f"203.0.113.{n}" for n in range(1, 6)]
NEW = [f"198.51.100.{n}" for n in range(1, 4)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, ready_root: Path) -> Iterator[LabSite]:
    """A feed with room for five, and a small event log of which two old ones are kept; nobody is banned."""
    settings = f"receiver_feed_limit: {LIMIT}\nreceiver_log_size: 1k\nreceiver_log_keep: 2"
    folder = tmp_path_factory.mktemp("site") / "inventory"
    with LabSite(folder, ready_root, [fortigate_options()], settings=settings) as lab:
        applied = lab.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        yield lab


def health(site: LabSite) -> tuple[int, list[str]]:
    """Return the status of /healthz on the ban host itself, and what is degraded."""
    connection = Poller(site, ()).connection()
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())["degraded"]


def test_over_the_size_of_the_feed_the_newest_offenders_stay_and_the_operator_is_warned(
    site: LabSite,
) -> None:
    site.host.console(["fail2ban-client", "set", JAIL, "banip", *OLD], check=True)
    assert within(60, lambda: feed(site) == set(OLD))
    assert health(site) == (200, [])
    second = int(time.time())
    assert within(60, lambda: int(time.time()) > second)  # who came later is told in seconds
    site.host.console(["fail2ban-client", "set", JAIL, "banip", *NEW], check=True)

    assert within(60, lambda: set(NEW) < feed(site))
    assert len(feed(site)) == LIMIT
    assert within(60, lambda: health(site) == (503, [FULL]))
    journal = site.host.console(
        "journalctl --sync; journalctl -u banstitch-receiver -o cat --no-pager"
    ).stdout
    assert "the feed is full: first offenders whose bans end soonest have no room in it" in journal
    banned = site.run("bans", "--json").target("bh1")["bans"]
    assert {ban["address"] for ban in banned} == {*OLD, *NEW}

    site.host.console(["fail2ban-client", "set", JAIL, "unbanip", *NEW], check=True)
    assert within(60, lambda: feed(site) == set(OLD))
    assert within(60, lambda: health(site) == (200, []))
    # bans by hand are the last to go: they would leave no room for an attacker
    site.host.console(["fail2ban-client", "set", JAIL, "unbanip", *OLD], check=True)
    assert within(60, lambda: feed(site) == set())


def freed(site: LabSite, address: str) -> None:
    """Unban the only one who is banned."""
    site.host.console(["fail2ban-client", "set", JAIL, "unbanip", address], check=True)
    assert within(60, lambda: feed(site) == set())


def failures(site: LabSite) -> int:
    """How many events fail2ban has read since it started."""
    shown = site.host.console(["fail2ban-client", "status", JAIL], check=True).stdout
    (line,) = (line for line in shown.splitlines() if "Total failed" in line)
    return int(line.split()[-1])


def have_failed(site: LabSite, count: int) -> bool:
    return failures(site) == count


def test_events_that_were_read_before_a_rotation_count_with_those_after_it(site: LabSite) -> None:
    address, before = "45.1.2.3", failures(site)
    for number in range(1, 4):
        (delivery,) = site.units[0].log_event(EVENT.format(address=address, user="x"))
        assert delivery.status == 200
        assert within(60, partial(have_failed, site, before + number))
        site.host.console("logrotate -f /etc/logrotate.d/banstitch", check=True)
    assert within(60, lambda: address in feed(site))
    freed(site, address)
    shown = "stat -c '%a %U' /var/log/banstitch/events.log"
    assert site.host.console(shown, check=True).stdout == "660 root\n"


def test_a_flood_between_two_rotations_and_many_rotations_leave_a_few_small_files(
    site: LabSite,
) -> None:
    log = "/var/log/banstitch"
    for number in range(200):
        site.units[0].log_event(EVENT.format(address=f"45.2.0.{number}", user="x"))
        if number % 40 == 39:
            site.host.console("logrotate /etc/logrotate.d/banstitch", check=True)
    # root looks once a second: what came in that second may be more than the limit
    current = f"stat -c %s {log}/events.log"
    assert within(10, lambda: int(site.host.console(current).stdout) <= 2 * 1024)
    sizes = site.host.console(f"stat -c %s {log}/events.log*", check=True).stdout.split()
    assert len(sizes) <= 3
    assert sum(map(int, sizes)) <= 200 * len("1700000000.000000 sslvpn_login_failed 45.2.0.100\n")
    # who comes last is banned once fail2ban has read all that came before
    last = "45.2.1.1"
    for _ in range(3):
        site.units[0].log_event(EVENT.format(address=last, user="x"))
    assert within(60, lambda: last in feed(site))
    freed(site, last)
