"""A stolen token on a real ban host: it bans so many, the rest is refused, and everybody is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.poller import feed
from tests.e2e.site_helpers import EVENT, history
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab

LIMIT = 3
SETTINGS = f"receiver_ban_limit: {LIMIT}\ndetection_ban_time: 1d"


def attack(site: LabSite, *addresses: str) -> None:
    for address in addresses:
        for _ in range(3):
            (delivery,) = site.units[0].log_event(EVENT.format(address=address, user="x"))
            assert delivery.status == 200


def alarms(site: LabSite) -> list[str]:
    return [entry["why"] for entry in history(site) if entry["what"] == "limit"]


def journal(site: LabSite) -> list[str]:
    said = site.host.console("journalctl --sync; journalctl -o cat --no-pager -t fail2ban-server")
    return [line for line in said.stdout.splitlines() if "receiver_ban_limit" in line]


def test_above_the_limit_nobody_new_is_banned_and_the_operator_is_warned(
    tmp_path: Path, ready_root: Path
) -> None:
    first, rest = ([f"198.51.100.{n}" for n in r] for r in (range(1, 4), range(4, 9)))
    folder = tmp_path / "inventory"
    with LabSite(folder, ready_root, [fortigate_options()], settings=SETTINGS) as site:
        applied = site.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        attack(site, *first)
        assert within(60, lambda: feed(site) == set(first))
        assert site.run("status").code == 0
        site.host.console("systemctl restart fail2ban banstitch-receiver", check=True)

        attack(site, *rest)
        assert within(60, lambda: len(alarms(site)) == 1)
        assert feed(site) == set(first)
        assert len(journal(site)) == 1
        status = site.run("status", "--json")
        assert status.code == 2
        assert within(60, lambda: "5 new bans by events of fgt1" in site.run("status").out)

        assert site.run("ban", "198.51.100.99", "--for", "1h").code == 0
        assert within(60, lambda: feed(site) == {*first, "198.51.100.99"})

        site.write_inventory("receiver_ban_limit: 100\ndetection_ban_time: 1d")
        assert site.run("apply", "-y").code == 0
        attack(site, *rest)
        assert within(60, lambda: feed(site) == {*first, *rest, "198.51.100.99"})
        assert len(alarms(site)) == len(journal(site)) == 1
