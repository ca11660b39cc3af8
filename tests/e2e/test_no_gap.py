"""Whatever happens on the ban host, a live ban is in the feed, and one that is over is not.

A FortiGate lets everyone in whom the feed does not list at the moment of its poll.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite
from tests.e2e.poller import Poller, feed
from tests.lab.stopwatch import Stopwatch, within

pytestmark = pytest.mark.lab

JAIL = "banstitch-sslvpn_login_failed"
FOREVER, LONGER = "203.0.113.250", "2001:db8::250"
BANNED = [f"198.51.100.{n}" for n in range(1, 201)]
LIVE = {*BANNED, FOREVER, LONGER, "192.0.2.128/28"}
# plain http lets the poller ask more often; certificates that are renewed are tried in test_tls.py
SETTINGS = "receiver_tls: off\ndetection_ban_time: 1h\nreceiver_workers: {}\n"
# Polls before, while and after something happens, at the least; a slow machine makes fewer each second.
BEFORE, WHILE, AFTER = 50, 10, 50


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, ready_root: Path) -> Iterator[LabSite]:
    """A ban host with bans of the jail's own length, shorter than two that an operator made."""
    folder = tmp_path_factory.mktemp("site") / "inventory"
    with LabSite(folder, ready_root, settings=SETTINGS.format(2)) as lab:
        applied = lab.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        lab.host.console(["fail2ban-client", "set", JAIL, "banip", *BANNED], check=True)
        by_hand(lab, "ban_by_hand", address=FOREVER, seconds=-1)
        by_hand(lab, "ban_by_hand", address=LONGER, seconds=86400)
        by_hand(lab, "ban_by_hand", address="192.0.2.128/28", seconds=86400)
        assert within(60, lambda: feed(lab) == LIVE and held(lab) == LIVE)
        yield lab


def by_hand(site: LabSite, method: str, **details: object) -> None:
    call = ["fail2ban-client", "set", JAIL, "action", "banstitch", method, json.dumps(details)]
    site.host.console(call, check=True)


def held(site: LabSite) -> set[str]:
    """Whom fail2ban itself shows as banned."""
    return set(site.host.console(["fail2ban-client", "get", JAIL, "banip"]).stdout.split())


# systemd restarts it by itself as well, and counts how often
KILL = (
    "systemctl kill -s KILL fail2ban; systemctl reset-failed fail2ban;"
    " until systemctl restart fail2ban; do systemctl reset-failed fail2ban; done"
)


def kill_server(site: LabSite) -> None:
    site.host.console(KILL, check=True)


def power_cut(site: LabSite) -> None:
    site.host.kill()
    site.host.boot()


def apply_with_other_settings(site: LabSite) -> None:
    site.write_inventory(SETTINGS.format(2) + "detection_max_retry: 4")
    assert site.run("apply", "-y").code == 0


def apply_with_another_receiver(site: LabSite) -> None:
    site.write_inventory(SETTINGS.format(3))
    assert site.run("apply", "-y").code == 0


def apply_again(site: LabSite) -> None:
    for _ in range(2):
        assert site.run("apply", "-y").code == 0


def apply_with_a_restart_owed(site: LabSite) -> None:
    site.host.console("echo '#' >> /etc/fail2ban/action.d/banstitch.py", check=True)
    assert site.run("apply", "-y").code == 0


def on_the_host(command: str) -> Callable[[LabSite], None]:
    def do(site: LabSite) -> None:
        site.host.console(command, check=True)

    return do


PACK = """set -e; mkdir -p /root/lab && cd /root/lab && rm -rf ./*
apt-get download -q fail2ban && dpkg-deb -R fail2ban_*.deb fail2ban
sed -i 's/^Version: .*/&+lab1/' fail2ban/DEBIAN/control && dpkg-deb -b fail2ban newer.deb
"""
VERSION = "dpkg-query -W -f '${Version}' fail2ban"


def upgrade(site: LabSite) -> None:
    """To another version: dpkg runs other scripts of it than for the one that is installed already."""
    before = site.host.console(VERSION, check=True).stdout
    site.host.console(PACK, check=True)
    site.host.console("DEBIAN_FRONTEND=noninteractive dpkg -i /root/lab/newer.deb", check=True)
    assert site.host.console(VERSION, check=True).stdout == f"{before}+lab1"


EVENTS = {
    "fail2ban restarts": on_the_host("systemctl restart fail2ban"),
    "fail2ban stops for a while": on_the_host(
        "systemctl stop fail2ban && sleep 1 && systemctl start fail2ban"
    ),
    "fail2ban is killed": kill_server,
    "fail2ban reloads": on_the_host("fail2ban-client reload"),
    "the jail restarts": on_the_host(f"fail2ban-client restart {JAIL}"),
    "fail2ban loses its database": on_the_host(
        "systemctl stop fail2ban && rm /var/lib/fail2ban/fail2ban.sqlite3"
        " && systemctl start fail2ban"
    ),
    "fail2ban is upgraded": upgrade,
    "the receiver restarts": on_the_host("systemctl restart banstitch-receiver"),
    "the receiver is killed": on_the_host("systemctl kill -s KILL banstitch-receiver"),
    "apply changes a threshold": apply_with_other_settings,
    "apply restarts the receiver": apply_with_another_receiver,
    "apply has nothing to do": apply_again,
    "apply restarts fail2ban": apply_with_a_restart_owed,
    "the host reboots": lambda site: site.host.reboot(),
    "the host loses power": power_cut,
}


@pytest.mark.parametrize("name", EVENTS)
def test_no_live_ban_is_ever_missing_from_the_feed_when(site: LabSite, name: str) -> None:
    with Poller(site, LIVE) as poller:
        assert within(60, lambda: poller.answers >= BEFORE), poller.statuses
        begun = poller.turns
        EVENTS[name](site)
        # whatever fail2ban has to be told again it knows half a minute later
        assert within(90, lambda: held(site) == LIVE), (name, LIVE ^ held(site))
        assert within(60, lambda: poller.turns >= begun + WHILE), poller.statuses
        answers = poller.answers
        assert within(60, lambda: poller.answers >= answers + AFTER), poller.statuses
    assert poller.missed == {}
    assert feed(site) == LIVE


@pytest.mark.parametrize("running", [True, False])
def test_a_ban_that_ends_leaves_the_feed_within_2_seconds_whether_fail2ban_runs_or_not(
    site: LabSite, running: bool
) -> None:
    address = "203.0.113.7"
    by_hand(site, "ban_by_hand", address=address, seconds=10)
    with Stopwatch() as since:
        assert address in feed(site)
        if not running:
            site.host.console("systemctl stop fail2ban", check=True)

        assert within(10 + 2 - since.seconds, lambda: address not in feed(site))
    site.host.console("systemctl start fail2ban", check=True)
    assert within(90, lambda: held(site) == LIVE)
    assert feed(site) == LIVE


def test_the_end_of_a_network_s_ban_while_fail2ban_is_down_frees_nobody_inside_it(
    site: LabSite,
) -> None:
    network = "198.51.100.0/24"
    audit = site.host.filesystem / "var/log/banstitch/audit.log"
    with Poller(site, LIVE) as poller:
        by_hand(site, "ban_by_hand", address=network, seconds=3)
        ends = time.time() + 3
        site.host.console("systemctl stop fail2ban", check=True)
        # over for fail2ban, which restores the others only, but not so long that ours is rid of it
        assert within(10, lambda: time.time() > ends + 0.8)
        site.host.console("systemctl start fail2ban", check=True)
        expired = f'"what": "expiry", "address": "{network}"'
        assert within(60, lambda: expired in audit.read_text())
        assert within(90, lambda: held(site) == LIVE)
        answers = poller.answers
        assert within(60, lambda: poller.answers >= answers + 20), poller.statuses
    assert poller.missed == {}
    assert feed(site) == LIVE


def test_fail2ban_client_does_not_ban_an_address_on_the_ignore_list_either(site: LabSite) -> None:
    for entry in ("127.0.0.9", "::ffff:127.0.0.9", "127.0.0.0/24"):
        site.host.console(["fail2ban-client", "set", JAIL, "banip", entry], check=True)
        assert within(60, lambda: held(site) == LIVE), (entry, held(site) ^ LIVE)
    assert feed(site) == LIVE


def test_fail2ban_may_be_killed_at_any_moment_while_bans_pour_in(site: LabSite) -> None:
    """Each time a little later into the writing of hundreds of them."""
    with Poller(site, LIVE) as poller:
        for turn in range(1, 6):
            more = [f"203.0.{100 + turn}.{n}" for n in range(200)]
            ban = f"fail2ban-client set {JAIL} banip {' '.join(more)} &"
            begun = (
                f"until grep -qwF {more[0]} /var/spool/banstitch/{JAIL}.bans; do sleep 0.01; done"
            )
            site.host.console(f"{ban} {begun}; sleep 0.{turn - 1}; {KILL}", check=True)
            assert within(90, lambda: bool(held(site)))
        assert within(90, lambda: held(site) >= LIVE)
    assert poller.missed == {}
    assert set(poller.statuses) <= {200, 304}

    assert within(60, lambda: held(site) == feed(site))
    poured = sorted(feed(site) - LIVE)
    assert poured
    site.host.console(["fail2ban-client", "set", JAIL, "unbanip", *poured], check=True)
    assert within(60, lambda: feed(site) == LIVE)


# What hinders fail2ban from writing to a folder, what mends that, and what /healthz says meanwhile.
TROUBLES = {
    "the disk is full": (
        "dd if=/dev/zero of={0}/fill bs=4k 2>/dev/null; true",
        "rm {0}/fill",
        "no room to write the bans",
    ),
    "the file system is read-only": (
        "mount -o remount,ro {0}",
        "mount -o remount,rw {0}",
        "cannot write the bans: Read-only file system",
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_while_the_bans_cannot_be_written_the_feed_keeps_what_it_has_and_then_catches_up(
    site: LabSite, trouble: str
) -> None:
    spool = "/var/spool/banstitch"
    spoil, mend, reason = (text.format(spool) for text in TROUBLES[trouble])
    site.host.console(
        f"mkdir /run/kept && cp -a {spool}/. /run/kept && mount -t tmpfs -o size=4m tmpfs {spool}"
        f" && cp -a /run/kept/. {spool} && systemctl restart banstitch-receiver fail2ban",
        check=True,
    )
    try:
        assert within(90, lambda: held(site) == LIVE)
        assert within(60, lambda: health(site) == (200, []))
        site.host.console(spoil, check=True)
        site.host.console(["fail2ban-client", "set", JAIL, "banip", "203.0.113.8"], check=True)
        assert within(60, lambda: "203.0.113.8" in held(site))
        assert within(60, lambda: reason in health(site)[1])
        assert health(site)[0] == 503
        assert feed(site) == LIVE
        kill_server(site)
        assert within(90, lambda: held(site) >= LIVE)
        assert feed(site) == LIVE

        site.host.console(mend, check=True)
        assert within(60, lambda: feed(site) == {*LIVE, "203.0.113.8"})
        assert within(60, lambda: health(site) == (200, []))
        site.host.console(["fail2ban-client", "set", JAIL, "unbanip", "203.0.113.8"], check=True)
        assert within(60, lambda: feed(site) == LIVE)
    finally:
        site.host.console(
            f"systemctl stop fail2ban; umount -l {spool}; rm -r /run/kept"
            "; systemctl restart banstitch-receiver fail2ban"
        )
    # the next test may ask it at once
    assert within(90, lambda: held(site) == LIVE)


def health(site: LabSite) -> tuple[int, list[str]]:
    """What /healthz says on the ban host itself: status and reasons."""
    connection = Poller(site, ()).connection()
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())["reasons"]


def test_an_unbanned_address_leaves_the_feed_within_2_seconds_and_a_crash_does_not_restore_it(
    site: LabSite,
) -> None:
    site.host.console(["fail2ban-client", "set", JAIL, "banip", "203.0.113.8"], check=True)
    by_hand(site, "ban_by_hand", address="203.0.113.9", seconds=-1)
    assert within(60, lambda: {"203.0.113.8", "203.0.113.9"} <= feed(site))

    site.host.console(["fail2ban-client", "set", JAIL, "unbanip", "203.0.113.8"], check=True)
    by_hand(site, "unban_by_hand", address="203.0.113.9", by="anna", why="a customer")
    assert within(2, lambda: feed(site) == LIVE)

    kill_server(site)
    assert within(90, lambda: held(site) == LIVE)
    assert feed(site) == LIVE
