"""What other sites ban is denied here, too, unless it must not be."""

from __future__ import annotations

import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from provision.cli.report.notes import read_peers
from tests.unit.receiver.receiver_app import DETECTION, Receiver

JAIL = DETECTION["jail"]
ATTACKER, OTHER = "45.9.9.9", "45.9.9.8"


class Site(Receiver):
    """A receiver whose site shares bans with the sites a and b."""

    def __init__(self, folder: Path, *, feed_limit: int = 131072, **share: Any) -> None:
        self.taken = folder / "watch"
        self.taken.mkdir()
        self.denied = folder / "shared"
        block = {
            "groups": {"north": ["a", "b"]},
            "folder": str(self.taken),
            "denied": str(self.denied),
            "never": ["45.1.0.1", "45.2.0.0/16"],
            "trusted": str(folder / "memory" / "trusted"),
            "limit": 20000,
            "ban_time": 86400,
            "minimum_sites": 1,
        }
        more = {"accept_documentation": False, "feed_limit": feed_limit}
        super().__init__(folder, share=block | share, **more)

    def offer(self, *bans: tuple[str, float], site: str = "a", since: float | None = None) -> None:
        """Leave what banstitch-watch takes from a site."""
        began = int(time.time()) - 5 if since is None else int(since)
        lines = [f"{address} {until:.0f} {began} {JAIL}\n" for address, until in bans]
        path = self.taken / f"shared+north+{site}.bans"
        new = path.with_suffix(".new")
        new.write_text(f"# banstitch share 1\n{''.join(lines)}end {len(lines)}\n")
        new.rename(path)
        path.with_suffix(".alive").touch()

    def listed(self) -> list[str]:
        # on a busy machine, a feed that took long to make would be kept for a moment
        self.served.hold_until = 0.0
        answer = self.feed()
        assert answer.status_code == 200
        return list(answer.text.splitlines())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return a site that shares bans."""
    return Site(tmp_path)


def later(seconds: float = 600) -> float:
    return time.time() + seconds


def test_bans_of_other_sites_are_in_the_feed_in_its_order(site: Site) -> None:
    site.bans({"45.9.9.10": later()})
    site.offer((ATTACKER, later()), ("45.9.8.0/24", later()), ("2a00:1::/64", later()))
    assert site.listed() == ["45.9.8.0/24", ATTACKER, "45.9.9.10", "2a00:1::/64"]


def test_an_address_that_is_banned_here_and_there_is_listed_once(site: Site) -> None:
    site.bans({ATTACKER: later()})
    site.offer((ATTACKER, later()))
    assert site.listed() == [ATTACKER]


def test_a_full_folder_never_cuts_the_list_that_other_programs_read(site: Site) -> None:
    site.offer((ATTACKER, later()))
    assert site.listed() == [ATTACKER]
    before = site.denied.read_text()
    site.offer((ATTACKER, later()), (OTHER, later()))
    site.client = site.worker()  # another one of the receiver, which makes the list at once

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 5, hard))
    try:
        assert site.listed() == [OTHER, ATTACKER]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    assert site.denied.read_text() == before


def test_a_ban_that_the_peer_no_longer_offers_leaves_the_feed(site: Site) -> None:
    site.offer((ATTACKER, later()), (OTHER, later()))
    assert site.listed() == [OTHER, ATTACKER]
    site.offer((OTHER, later()))
    assert site.listed() == [OTHER]


@pytest.mark.parametrize(
    "address",
    [
        "45.1.0.1",  # a host of the inventory
        "45.1.0.0/24",  # a network around one
        "45.2.9.9",  # within the networks of the site
        "198.51.100.7",  # the ignore list
        "198.51.100.0/24",
        "10.0.0.1",
        "10.0.0.0/24",
        "192.168.1.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "0.0.0.0/24",
        "203.0.113.7",  # documentation
        "fe80::1",
        "fd00::/64",
        "ff02::1",
        "2001:db8:9::1",
        "2002:a00:1::/48",  # 6to4 of 10.0.0.1
        "64:ff9b::a00:1",  # NAT64 of 10.0.0.1
        "64:ff9b::2d01:0/112",  # NAT64 of a network around a host of the inventory
        "2001:0:808:808:0:efff:d2fe:0/112",  # Teredo of the same
    ],
)
def test_a_peer_cannot_ban_whom_nobody_bans(site: Site, address: str) -> None:
    site.offer((address, later()), (ATTACKER, later()))
    assert site.listed() == [ATTACKER]


@pytest.mark.parametrize("address", ["0.0.0.0/0", "45.0.0.0/8", "::/0", "2a00::/16", "45.9.9.0/23"])
def test_a_list_with_a_network_wider_than_that_of_a_rule_counts_as_none(
    site: Site, address: str
) -> None:
    site.offer((address, later()), (ATTACKER, later()))
    assert site.listed() == []


def test_an_allowance_wins_at_once_and_as_long_as_it_lasts(site: Site) -> None:
    site.offer((ATTACKER, later()), (OTHER, later()))
    assert site.listed() == [OTHER, ATTACKER]
    allowance = {"network": OTHER, "until": later(), "since": 0, "by": "me", "why": "ours"}
    (site.spool / "allowed.json").write_text(json.dumps([allowance]))
    assert site.listed() == [ATTACKER]
    (site.spool / "allowed.json").write_text(json.dumps([allowance | {"until": time.time() - 1}]))
    assert site.listed() == [OTHER, ATTACKER]


@pytest.mark.parametrize(
    ("banned", "allowed"),
    [
        ("45.9.9.0/24", "45.9.9.7"),
        ("45.9.9.9", "45.9.0.0/16"),
        ("2a00:1:2:3::/64", "2a00:1:2:3::5"),
    ],
)
def test_an_allowance_spares_an_address_from_the_ban_of_the_network_around_it(
    site: Site, banned: str, allowed: str
) -> None:
    site.offer((banned, later()), (OTHER.replace("45", "46"), later()))
    allowance = {"network": allowed, "until": later(), "since": 0, "by": "me", "why": "ours"}
    (site.spool / "allowed.json").write_text(json.dumps([allowance]))
    assert site.listed() == ["46.9.9.8"]
    assert banned not in site.denied.read_text()


def test_an_address_from_which_somebody_logged_in_is_not_denied(site: Site) -> None:
    site.offer((ATTACKER, later()), ("45.8.8.0/24", later()), ("2a00:1:2:3::/64", later()))
    (site.memory / "trusted").write_text("45.8.8.8\n2a00:1:2:3::/64\n")
    assert site.listed() == [ATTACKER]


def test_bans_of_a_peer_that_does_not_answer_leave_within_two_minutes(site: Site) -> None:
    site.offer((ATTACKER, later()))
    assert site.listed() == [ATTACKER]
    long_ago = time.time() - 101
    os.utime(site.taken / "shared+north+a.alive", (long_ago, long_ago))
    assert site.listed() == []
    text = site.get("/metrics", auth=("status", "s-secret")).text
    assert 'banstitch_shared_up{group="north",peer="a"} 0' in text


def test_bans_of_a_site_that_is_no_longer_named_do_not_count(site: Site) -> None:
    site.offer((ATTACKER, later()), site="removed")
    assert site.listed() == []


def test_a_ban_that_ended_is_not_revived_by_an_old_list(site: Site) -> None:
    site.offer((ATTACKER, time.time() - 1))
    assert site.listed() == []


def test_a_ban_ends_here_a_day_after_it_began_whatever_the_peer_offers(site: Site) -> None:
    site.offer((ATTACKER, -1), since=time.time() - 86000)
    assert site.listed() == [ATTACKER]
    site.offer((ATTACKER, -1), since=time.time() - 86401)
    assert site.listed() == []


def test_a_ban_that_begins_in_the_future_does_not_last_longer(tmp_path: Path) -> None:
    site = Site(tmp_path, ban_time=60)
    site.offer((ATTACKER, -1), since=time.time() + 10**6)
    assert site.listed() == [ATTACKER]
    assert float(site.denied.read_text().split()[1]) <= time.time() + 61


def test_as_many_sites_as_the_settings_want_must_have_banned_an_address(tmp_path: Path) -> None:
    site = Site(tmp_path, minimum_sites=2)
    site.offer((ATTACKER, later()), (OTHER, later()), site="a")
    assert site.listed() == []
    site.offer((ATTACKER, later()), site="b")
    assert site.listed() == [ATTACKER]


def test_a_ban_that_too_few_sites_have_is_not_counted_as_one_that_denies(tmp_path: Path) -> None:
    site = Site(tmp_path, minimum_sites=2)
    site.offer((ATTACKER, later()), (OTHER, later()), site="a")
    site.offer((ATTACKER, later()), site="b")
    site.listed()
    text = site.get("/metrics", auth=("status", "s-secret")).text
    assert 'banstitch_shared_bans{group="north",peer="a"} 1' in text
    assert 'banstitch_shared_bans{group="north",peer="b"} 1' in text


def test_an_address_counts_no_longer_than_enough_sites_have_it_banned(tmp_path: Path) -> None:
    site = Site(tmp_path, minimum_sites=2)
    soon = int(time.time()) + 2
    site.offer((ATTACKER, later()), site="a")
    site.offer((ATTACKER, soon), site="b")
    state = site.client.application.banstitch
    assert [each.address for each in state.imports.list_denied(soon - 1)] == [ATTACKER]
    assert state.imports.list_denied(soon + 1) == ()


def test_each_of_many_peers_gets_its_part_of_the_feed(tmp_path: Path) -> None:
    site = Site(tmp_path, feed_limit=8)  # two peers, so four of each
    site.offer(*((f"45.9.7.{n}", later()) for n in range(9)), site="a")
    site.listed()
    text = site.get("/metrics", auth=("status", "s-secret")).text
    assert 'banstitch_shared_bans{group="north",peer="a"} 4' in text


def test_a_flood_of_a_peer_takes_no_more_than_its_part(tmp_path: Path) -> None:
    site = Site(tmp_path, limit=2)
    site.offer(*((f"45.9.7.{n}", later()) for n in range(9)), site="a")
    site.offer((ATTACKER, later()), site="b")
    assert len(site.listed()) == 3
    assert ATTACKER in site.listed()


def test_bans_of_peers_get_half_of_the_feed_and_leave_room_for_own_ones(tmp_path: Path) -> None:
    site = Site(tmp_path, feed_limit=8)
    site.offer(*((f"45.9.7.{n}", later(6000)) for n in range(9)))
    assert len(site.listed()) == 4
    own = {f"45.9.9.{n}": later() for n in range(7)}
    site.bans(own)
    assert set(own) < set(site.listed())
    assert len(site.listed()) == 8
    # what has no room there is no loss of this site
    answer = site.get("/metrics", auth=("status", "s-secret"))
    assert "banstitch_feed_left_out 0" in answer.text


def test_what_peers_may_not_write_cannot_break_the_feed(site: Site) -> None:
    site.bans({OTHER: later()})
    (site.taken / "shared+north+a.bans").symlink_to("/etc/passwd")
    (site.taken / "shared+north+a.alive").touch()
    assert site.listed() == [OTHER]


def test_the_metrics_and_the_file_for_the_operator_show_where_bans_come_from(site: Site) -> None:
    site.offer((ATTACKER, later()), ("10.0.0.1", later()), site="a")
    site.offer((ATTACKER, later()), (OTHER, later()), site="b")
    site.listed()
    lines = [line.split() for line in site.denied.read_text().splitlines()]
    assert {line[0]: (line[3], line[4]) for line in lines} == {
        ATTACKER: (JAIL, "a,b"),
        OTHER: (JAIL, "b"),
    }
    text = site.get("/metrics", auth=("status", "s-secret")).text
    assert 'banstitch_shared_bans{group="north",peer="a"} 1' in text
    assert 'banstitch_shared_refused{group="north",peer="a"} 1' in text
    assert 'banstitch_shared_bans{group="north",peer="b"} 2' in text
    assert 'banstitch_shared_answer_seconds{group="north",peer="b"}' in text
    assert 'banstitch_shared_up{group="north",peer="b"} 1' in text
    shown = read_peers(text, [("north", "a"), ("north", "b")])
    assert [(peer["bans"], peer["refused"], peer["counts"]) for peer in shown] == [
        (1, 1, True),
        (2, 0, True),
    ]


def test_a_site_that_does_not_share_has_no_such_numbers(tmp_path: Path) -> None:
    alone = Receiver(tmp_path)
    text = alone.get("/metrics", auth=("status", "s-secret")).text
    assert "banstitch_shared" not in text
