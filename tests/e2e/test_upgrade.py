"""A site that version 0.1 deployed goes on under this version, by one `apply`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.poller import feed
from tests.e2e.site_0_1 import BANNED, IPV6, LIVE, Site01
from tests.e2e.test_site import EVENT, denied
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab


@pytest.fixture
def site(tmp_path: Path, ready_root: Path) -> Iterator[Site01]:
    with Site01(tmp_path / "inventory", ready_root) as lab:
        yield lab


def held(site: Site01) -> dict[str, set[str]]:
    """Whom fail2ban bans, by jail."""
    return {
        jail: set(site.host.run(["fail2ban-client", "get", jail, "banip"]).stdout.split())
        for jail in BANNED
    }


def test_the_recorded_site_runs_as_it_did(site: Site01) -> None:
    assert within(60, lambda: feed(site) == LIVE), feed(site)
    assert within(60, lambda: held(site) == BANNED), held(site)
    assert denied(site, "198.51.100.77")
    assert not denied(site, "198.51.100.99")
    sent = site.units[0].log_event(EVENT.format(address="198.51.100.99", user="x"))
    assert [delivery.status for delivery in sent] == [200]


def test_ipv6_addresses_that_it_banned_stay_beside_the_networks_that_are_banned_now(
    site: Site01,
) -> None:
    assert within(60, lambda: feed(site) == LIVE), feed(site)

    applied = site.run("apply", "-y")

    assert applied.code == 0, applied.out + applied.err
    assert 'blocked-ips/v4"' in site.units[0].show()
    assert denied(site, "198.51.100.77")
    assert within(60, lambda: held(site) == BANNED), held(site)
    for number in (1, 2, 3):
        site.units[0].log_event(EVENT.format(address=f"2001:db8:7::{number}", user="x"))
    assert within(60, lambda: feed(site) == LIVE | {"2001:db8:7::/64"}), feed(site)
    freed = site.run("unban", IPV6, "--json").target("bh1")
    assert freed["state"] == "changed", freed
    assert within(60, lambda: feed(site) == LIVE - {IPV6}), feed(site)
