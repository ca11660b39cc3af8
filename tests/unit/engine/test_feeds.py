"""`verify` and `status` compare what the FortiGates hold of the feed with the bans."""

from __future__ import annotations

import ipaddress
import time

import pytest

from provision.cli.report.status import list_notes
from provision.desired import running_site
from provision.errors import Failed
from provision.fortios.config.feed import FeedState
from provision.linux.agent.protocol.answers import Ban
from provision.plan import Verb
from tests.plays import PLAYS
from tests.unit.engine.site_model import BAN_HOST, FW1, FW2, SITE, World, go, notes, states

OLD = 3600.0


def ban(address: str, age: float = OLD) -> Ban:
    since = time.time() - age
    return Ban(address, "banstitch-sslvpn_login_failed", since + 9000, since, 5, 1, "")


def holding(*addresses: str, **more: bool | int) -> FeedState:
    ranges = tuple((int(ipaddress.IPv4Address(each)),) * 2 for each in sorted(addresses))
    given = {"lines": len(ranges), "valid": len(ranges), "used": True, **more}
    return FeedState(ranges=ranges, **given)  # type: ignore[arg-type]


@pytest.fixture
def deployed(world: World) -> World:
    go("apply")
    world.bans = [ban("203.0.113.7"), ban("2001:db8::/64"), ban("203.0.113.9", age=10)]
    world.feeds = {FW1: holding("203.0.113.7"), FW2: holding("203.0.113.7")}
    return world


def test_verify_prints_what_each_fortigate_holds(deployed: World) -> None:
    result = go("verify")
    assert states(result) == {BAN_HOST: "ok", FW1: "ok", FW2: "ok"}
    note = notes(result, FW1)[-2]
    assert "holds 1 line of the feed without errors and uses it" in note
    assert "every ban that it had time to fetch (1)" in note


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_other_verbs_do_not_ask(deployed: World, verb: Verb) -> None:
    deployed.log.clear()
    result = go(verb)
    assert (BAN_HOST, "bans") not in deployed.log
    assert not any("feed" in note for note in notes(result, FW1))


@pytest.mark.parametrize("verb", ["verify", "status"])
@pytest.mark.parametrize(
    ("held", "words"),
    [
        (holding("203.0.113.8"), "does not hold 1 ban of the ban host (203.0.113.7)"),
        (holding("203.0.113.7", used=False), "nothing uses the feed, so it denies nobody"),
        (holding("203.0.113.7", errors=3), "cannot read 3 of the feed's 1 line"),
        (holding("203.0.113.7", truncated=True), "only 1 of 1 lines of the feed"),
    ],
)
def test_what_is_missing_is_a_difference(
    deployed: World, verb: Verb, held: FeedState, words: str
) -> None:
    deployed.feeds[FW1] = held
    result = go(verb)
    assert (states(result)[FW1], states(result)[FW2]) == ("differs", "ok")
    assert any(words in note for note in notes(result, FW1))
    assert any(words in line for line in list_notes([result]))


@pytest.mark.parametrize("verb", ["verify", "status"])
def test_a_fortigate_is_not_blamed_for_bans_without_room_in_a_full_feed(
    deployed: World, verb: Verb
) -> None:
    full = int(running_site.find_feed_limit(SITE, PLAYS))
    deployed.feeds[FW1] = holding("203.0.113.8", lines=full, valid=full)
    deployed.feeds[FW2] = holding("203.0.113.8", lines=full - 1, valid=full - 1)
    result = go(verb)
    assert (states(result)[FW1], states(result)[FW2]) == ("ok", "differs")
    if verb == "verify":
        assert "not compared with the bans, because the feed is full" in notes(result, FW1)[-2]


def test_a_fortigate_that_shows_nothing_is_no_difference(deployed: World) -> None:
    deployed.feeds = {}
    result = go("verify")
    assert states(result)[FW1] == "ok"
    assert "could not be examined" in notes(result, FW1)[-2]
    assert "Unknown action 0" in notes(result, FW1)[-2]
    assert not [line for line in list_notes([go("status")]) if "examined" in line]


def test_a_ban_host_that_lists_no_bans_is_named_and_the_rest_is_still_examined(
    deployed: World,
) -> None:
    deployed.faults[(BAN_HOST, "bans")] = Failed("the bans of a jail are not known")
    result = go("verify")
    assert "were not compared" in " ".join(notes(result, BAN_HOST))
    assert "were not compared with the bans" in notes(result, FW1)[-2]


def test_a_feed_that_apply_would_create_is_not_examined(deployed: World) -> None:
    deployed.units[FW1] = {
        name: body for name, body in deployed.units[FW1].items() if "external" not in name
    }
    deployed.feeds[FW1] = holding(used=False)
    assert not any("denies nobody" in note for note in notes(go("verify"), FW1))


def test_verify_prints_the_seconds_from_an_event_to_the_fetch(deployed: World) -> None:
    result = go("verify")
    assert notes(result, FW1)[-1] == "the feed was fetched 6.2 s after an event of this FortiGate"
    assert "there was no event yet" in notes(result, FW2)[-1]


def test_verify_waits_for_the_fetch_if_the_operator_wants_to(deployed: World) -> None:
    result = go("verify", wait=60)
    assert notes(result, FW1)[-1] == "the feed was fetched 31.0 s after the event of this test"
    assert "was not fetched within 60 s" in notes(result, FW2)[-1]
    assert (states(result)[FW1], states(result)[FW2]) == ("ok", "differs")


def test_what_a_ban_host_lists_and_is_no_address_does_not_count(deployed: World) -> None:
    deployed.bans += [ban("999.0.0.1"), ban("...."), ban("203.0.113.7/99")]
    result = go("verify")
    assert states(result) == {BAN_HOST: "ok", FW1: "ok", FW2: "ok"}
    assert "every ban that it had time to fetch (1)" in notes(result, FW1)[-2]
