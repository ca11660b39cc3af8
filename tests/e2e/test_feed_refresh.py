"""An event refreshes the feed on a FortiGate that has the command, and harms nothing elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.every_fortios import make_variables, start_simulator
from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.memory_site import MemorySite
from tests.e2e.site_helpers import EVENT
from tests.simulator import Simulator

pytestmark = pytest.mark.usefixtures("settled_at_once")
WEBHOOK, REFRESH = "banstitch_webhook", "banstitch_refresh"
LOGIN_FAILED = EVENT.format(address="203.0.113.7", user="root")


def fire(fortigate: Simulator) -> dict[str, str]:
    """Return the actions that an event starts, with what each script printed."""
    return {done.action: done.error if done.body.startswith(("exec", "conf")) else ""
            for done in fortigate.log_event(LOGIN_FAILED)}  # fmt: skip


def count_fetches(fortigate: Simulator, name: str) -> int:
    feed = fortigate.feeds.feed(name)
    return feed.fetches if feed else 0


@pytest.mark.parametrize(
    ("vdoms", "name", "settings"),
    [
        ((), "banstitch_feed", {}),
        (("Branch",), "g-banstitch_feed", {"feed_refresh": "stitch"}),
    ],
)
def test_an_event_makes_the_fortigate_fetch_the_feed_and_teardown_leaves_nothing(
    tmp_path: Path, vdoms: tuple[str, ...], name: str, settings: dict[str, Any]
) -> None:
    with start_simulator("8.0.0", vdoms, minute=0.5) as fortigate:
        fortigate.feeds.stop()  # only an event makes it fetch
        before = fortigate.show()
        site = MemorySite(tmp_path, fortigate, **make_variables("8.0.0", vdoms), **settings)
        assert site.apply().error == ""
        fetches = count_fetches(fortigate, name)
        assert fire(fortigate) == {WEBHOOK: "", REFRESH: ""}
        assert count_fetches(fortigate, name) == fetches + 1
        assert fire(fortigate) == {WEBHOOK: ""}  # within the interval
        assert site.plan().changes == ()
        assert site.teardown().error == ""
        assert fortigate.show() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"refresh": "absent"}, "Return code -61"),
        ({"refresh": "refused"}, "Return code -37"),
        ({"refresh_profile": "sysgrp"}, "Return code -37"),
    ],
)
def test_a_script_that_fails_does_not_stop_the_webhook(
    tmp_path: Path, options: dict[str, str], words: str
) -> None:
    with start_simulator("8.0.0", (), minute=0.5, **options) as fortigate:
        site = MemorySite(tmp_path, fortigate, **make_variables("8.0.0", ()))
        assert site.apply().error == ""
        done = fire(fortigate)
        assert list(done) == [WEBHOOK, REFRESH]
        assert words in done[REFRESH]


def test_a_restricted_profile_only_polls(tmp_path: Path) -> None:
    forbidden = ("system accprofile",)
    with start_simulator("8.0.0", (), profile="ops", forbidden=forbidden) as fortigate:
        site = MemorySite(tmp_path, fortigate, **make_variables("8.0.0", ()))
        applied = site.apply()
        assert applied.error == ""
        assert not any(REFRESH in change.id for change in applied.changes)
        assert list(fire(fortigate)) == [WEBHOOK]


def test_poll_takes_the_action_out_again(tmp_path: Path) -> None:
    with start_simulator("8.0.0", (), minute=0.5) as fortigate:
        variables = make_variables("8.0.0", ())
        site = MemorySite(tmp_path, fortigate, **variables)
        assert site.apply().error == ""
        later = MemorySite(tmp_path, fortigate, **variables, feed_refresh="poll")
        later.records.update(site.records)
        changed = later.apply()
        assert changed.error == ""
        assert REFRESH not in fortigate.show()
        assert list(fire(fortigate)) == [WEBHOOK]


@pytest.mark.lab
def test_verify_prints_what_a_fortigate_holds_and_the_seconds_to_its_fetch(
    tmp_path: Path, ready_root: Path
) -> None:
    options = fortigate_options(version="8.0.0", minute=6)
    with LabSite(tmp_path / "inventory", ready_root, [options]) as site:
        applied = site.run("apply", "-y", "--json")
        assert applied.code == 0, applied.out + applied.err
        (fortigate,) = site.units
        assert [done.action for done in fortigate.log_event(LOGIN_FAILED)] == [WEBHOOK, REFRESH]
        first = site.run("verify", "--json")
        assert first.code == 0, first.out + first.err
        held, delay = first.target("fgt1")["notes"][-2:]
        assert "of the feed without errors and uses it" in held
        assert "s after an event of this FortiGate" in delay or "no event yet" in delay
        waited = site.run("verify", "--wait", "60", "--json")
        assert waited.code == 0, waited.out + waited.err
        assert waited.target("fgt1")["notes"][-1].endswith("s after the event of this test")
        assert waited.target("fgt1")["feed"]["used"] is True
