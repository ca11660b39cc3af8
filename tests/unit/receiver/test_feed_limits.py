"""Check which bans a feed leaves out when it is full."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.unit.receiver.receiver_app import FOREVER, Receiver, module


def ban_lines(bans: list[tuple[str, float, int, int]]) -> str:
    """Return the text of a jail's file: (address, until, failures, how often banned) each."""
    lines = [f"{a} {until:.0f} 1700000000 {failures} {n}\n" for a, until, failures, n in bans]
    return f"# banstitch 1\n{''.join(lines)}end {len(lines)}\n"


def test_over_the_limit_first_offenders_go_and_of_them_whose_ban_ends_soonest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(tmp_path, feed_limit=4)
    soon, later = time.time() + 100, time.time() + 200
    stay = [("203.0.113.1", soon, 3, 2), ("203.0.113.2", soon, 0, 1), ("203.0.113.3", -1, 3, 1)]
    others = [("203.0.113.5", soon + 1, 3, 1), ("203.0.113.4", later, 3, 1)]
    receiver.jail_file.write_text(ban_lines([*stay, *others]))
    kept = "203.0.113.1\n203.0.113.2\n203.0.113.3\n203.0.113.4\n"
    assert receiver.feed().text == receiver.feed(path="/v4").text == kept
    health = receiver.get("/healthz")
    full = "the feed is full: 1 bans have no room in it (receiver_feed_limit is 4)"
    assert (health.status_code, health.json["degraded"]) == (503, [full])
    assert receiver.get("/healthz/live").status_code == 200
    receiver.jail_file.write_text(ban_lines([*stay, *others, ("203.0.113.6", soon, 3, 1)]))
    assert receiver.feed().text == kept
    assert caplog.messages == [
        "the feed is full: first offenders whose bans end soonest have no room in it"
    ]
    receiver.bans({"203.0.113.9": FOREVER})
    assert receiver.feed().text == "203.0.113.9\n"
    assert receiver.get("/healthz").json["degraded"] == []


def test_each_family_has_the_whole_limit_on_its_own_path(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, feed_limit=8)
    v4, v6 = ([f"{net}{n:x}" for n in range(1, 10)] for net in ("203.0.113.", "2001:db8::"))
    receiver.bans(dict.fromkeys([*v4, *v6], FOREVER))
    counts = {path: receiver.feed(path=path).text.count("\n") for path in ("", "/v4", "/v6")}
    assert counts == {"": 8, "/v4": 8, "/v6": 8}
    both = receiver.feed().text.split()
    assert (sum(":" in a for a in both), sum("." in a for a in both)) == (2, 6)


def test_ipv4_may_have_what_ipv6_does_not_need(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, feed_limit=8)
    receiver.bans(
        dict.fromkeys([*(f"203.0.113.{n}" for n in range(1, 10)), "2001:db8::1"], FOREVER)
    )
    both = receiver.feed().text.split()
    assert (sum(":" in a for a in both), sum("." in a for a in both)) == (1, 7)


@pytest.mark.parametrize("networks", [1, 131_072 + 5])
def test_a_flood_of_ipv6_pushes_no_live_ipv4_ban_out(tmp_path: Path, networks: int) -> None:
    """The attacker has a /64, or a network of 131,077 of them; all come after the 1,000 of IPv4."""
    sources, receiver = module("sources"), Receiver(tmp_path)
    nobody = sources.read_ignored(())
    found: dict[str, None] = {}
    for n in range(131_072 + 5):
        network = n % networks
        address = f"2a00:1:{network >> 16:x}:{network & 0xFFFF:x}::{n >> 16:x}:{n & 0xFFFF:x}"
        found[sources.name_source(sources.parse_address(address), 64, nobody, ())] = None
    v4 = [f"45.1.{n >> 8}.{n & 255}" for n in range(1000)]
    receiver.bans(dict.fromkeys([*v4, *found], time.time() + 3600))
    assert len(found) == networks
    for path in ("", "/v4"):
        assert set(v4) <= set(receiver.feed(path=path).text.split())
    assert receiver.feed().text.count("\n") == 1000 + min(networks, 131_072 // 4)


def test_addresses_of_one_network_that_were_banned_before_an_upgrade_stay_until_they_end(
    receiver: Receiver,
) -> None:
    now = time.time()
    receiver.bans({"2a00::1": now + 100, "2a00::2": now - 1, "2a00::/64": now + 100})
    assert receiver.feed().text == "2a00::/64\n2a00::1\n"


def test_a_list_that_no_fortigate_fetches_may_be_full_without_a_warning(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, feed_limit=4, feed_lists=["v4"])
    receiver.bans(dict.fromkeys(["203.0.113.9", *(f"2001:db8::{n}" for n in range(1, 9))], FOREVER))
    assert receiver.feed().status_code == 200
    assert receiver.get("/healthz").json["degraded"] == []
    assert "banstitch_feed_left_out 0\n" in metrics(receiver)
    receiver.bans({f"203.0.113.{n}": FOREVER for n in range(1, 6)})
    assert receiver.feed(path="/v4").text.count("\n") == 4
    assert "banstitch_feed_left_out 1\n" in metrics(receiver)


def metrics(receiver: Receiver) -> str:
    text: str = receiver.get("/metrics", auth=("status", "s-secret")).text
    return text
