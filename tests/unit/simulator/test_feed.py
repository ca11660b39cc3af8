"""The simulator's feed: fetched, kept, and denied."""

from typing import Any

import pytest

from tests.simulator import Simulator
from tests.simulator.feed import parse
from tests.unit.simulator.loop_config import FEED, NEGATED, Web, make_fortigate


def make_fortigate_with_feed(web: Web, lines: str, **options: Any) -> Simulator:
    simulator = make_fortigate(**options)
    simulator.run(FEED.format(port=web.port) + NEGATED)
    web.body = lines.encode()
    simulator.poll_feeds()
    return simulator


def test_a_feed_is_fetched_with_basic_auth_and_denies_what_it_lists(web: Web) -> None:
    simulator = make_fortigate_with_feed(
        web, "# ours\n203.0.113.7\n198.51.100.0/24\n192.0.2.1-192.0.2.9\n"
    )
    headers = web.asked[0][2]
    assert headers["Authorization"] == "Basic dTpw"
    assert headers["User-Agent"] == "curl/7.58.0"
    for address in ("203.0.113.7", "198.51.100.200", "192.0.2.5"):
        assert simulator.denies(address) == ["ssl_vpn"]
    assert simulator.denies("8.8.8.8") == []


def test_a_feed_that_was_never_fetched_denies_nobody() -> None:
    simulator = make_fortigate()
    simulator.run(FEED.format(port=1) + NEGATED)
    assert simulator.denies("203.0.113.7") == []


def test_an_unchanged_feed_is_not_sent_again(web: Web) -> None:
    web.etag = '"v1"'
    simulator = make_fortigate_with_feed(web, "203.0.113.7\n")
    simulator.poll_feeds()
    assert web.asked[1][2]["If-None-Match"] == '"v1"'
    state = simulator.feeds.feed("bans")
    assert state is not None
    assert state.status == 304
    assert simulator.denies("203.0.113.7") == ["ssl_vpn"]


def test_an_empty_answer_empties_the_feed_and_lets_everyone_in(web: Web) -> None:
    simulator = make_fortigate_with_feed(web, "203.0.113.7\n")
    web.body = b""
    simulator.poll_feeds()
    assert simulator.denies("203.0.113.7") == []


def test_an_error_keeps_the_last_good_list(web: Web) -> None:
    simulator = make_fortigate_with_feed(web, "203.0.113.7\n")
    web.status, web.body = 503, b""
    simulator.poll_feeds()
    state = simulator.feeds.feed("bans")
    assert state is not None
    assert state.error == "HTTP 503"
    assert simulator.denies("203.0.113.7") == ["ssl_vpn"]


def test_a_disabled_feed_is_not_fetched(web: Web) -> None:
    simulator = make_fortigate_with_feed(web, "203.0.113.7\n")
    simulator.run("config system external-resource\nedit bans\nset status disable\nend")
    simulator.poll_feeds()
    assert len(web.asked) == 1


def test_the_poller_fetches_by_itself_at_its_own_pace(web: Web) -> None:
    web.body = b"203.0.113.7\n"
    with make_fortigate(minute=0.05) as simulator:
        simulator.run(FEED.format(port=web.port) + NEGATED)
        for _ in range(3):
            assert web.arrived.wait(60)
            web.arrived.clear()
        assert len(web.asked) >= 3


def test_bad_lines_are_counted_and_good_ones_used(web: Web) -> None:
    simulator = make_fortigate_with_feed(
        web, "203.0.113.7\n203.0.113.8 # inline\nnonsense\n2001:db8::/32\n"
    )
    shown = simulator.run("diagnose sys external-resource stats")
    assert "total lines: 4; valid lines: 2; error lines: 2; used: yes" in shown
    listed = simulator.run("diagnose sys external-address-resource list bans")
    assert "203.0.113.7-203.0.113.7" in listed


def test_an_older_fortigate_cuts_a_feed_at_its_own_limit() -> None:
    data = b"\n".join(b"10.%d.%d.%d" % (n >> 16, n >> 8 & 255, n & 255) for n in range(140000))
    assert len(parse(data, (7, 4, 3))[1]) == 131072
    assert len(parse(data, (7, 4, 4))[1]) == 140000


POLICY = (
    "config firewall policy\nedit 9\nset name deny\nset srcintf port1\nset dstintf port2\n"
    "set srcaddr bans\nset dstaddr all\nset schedule always\nset service ALL\nnext\n"
    "edit 8\nset name in\nset srcintf port1\nset dstintf any\nset srcaddr all\nset dstaddr all\n"
    "set schedule always\nset service ALL\nset action accept\nnext\nend\n"
)


def test_a_deny_policy_works_only_above_the_accept(web: Web) -> None:
    simulator = make_fortigate()
    simulator.run(FEED.format(port=web.port) + POLICY)
    web.body = b"203.0.113.7\n"
    simulator.poll_feeds()
    assert simulator.denies("203.0.113.7") == ["policy"]
    simulator.run("config firewall policy\nmove 8 before 9\nend")
    assert simulator.denies("203.0.113.7") == []


LOCAL_IN = (
    "config firewall local-in-policy\nedit 0\nset intf port1\nset srcaddr bans\n"
    "set dstaddr all\nset service ALL\nset schedule always\nend\n"
)


@pytest.mark.parametrize(
    ("version", "works"),
    [("7.0.17", False), ("7.2.0", False), ("7.2.11", True), ("7.4.1", True), ("8.0.0", True)],
)
def test_local_in_policies_take_a_feed_on_the_versions_that_do(
    web: Web, version: str, works: bool
) -> None:
    simulator = make_fortigate(version=version)
    simulator.run(FEED.format(port=web.port))
    shown = simulator.run(LOCAL_IN)
    web.body = b"203.0.113.7\n"
    simulator.poll_feeds()
    refused = "entry not found in datasource\r\n\r\nvalue parse error before 'bans'"
    assert (f"{refused}\r\nCommand fail. Return code -3" not in shown) is works
    assert simulator.denies("203.0.113.7") == (["local_in"] if works else [])
