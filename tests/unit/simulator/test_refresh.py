"""The simulator's `execute update-external-resource`, typed and from a stitch."""

from typing import Any

import pytest

from tests.simulator import Simulator
from tests.unit.simulator.loop_config import FEED, Web, make_fortigate

COMMAND = "execute update-external-resource bans"
PROFILE = "config system accprofile\nedit fetch\nset secfabgrp read-write\n{more}end\n"
LOGIN = 'logid="0101039426" type="event" vd="root" remip=203.0.113.7 user="x"'
STITCH = """\
config system automation-trigger
edit fail
set event-type event-log
set logid 39426
end
config system automation-action
edit fetch
set action-type cli-script
set minimum-interval 3600
set script "execute update-external-resource bans"
set accprofile fetch
end
config system automation-stitch
edit st
set trigger fail
config actions
edit 1
set action fetch
set delay 5
end
end
"""


def make(web: Web, more: str = "set cli-exec enable\n", **options: Any) -> Simulator:
    simulator = make_fortigate(minute=0.01, **options)
    simulator.run(FEED.format(port=web.port) + PROFILE.format(more=more) + STITCH)
    web.body = b"203.0.113.7\n"
    return simulator


@pytest.mark.parametrize(
    ("version", "refresh", "works"),
    [
        ("7.6.4", "", False),
        ("7.6.5", "", True),
        ("8.0.0", "", True),
        ("7.4.8", "present", True),
        ("8.0.0", "absent", False),
    ],
)
def test_the_command_is_there_from_a_version_on_or_as_the_options_say(
    web: Web, version: str, refresh: str, works: bool
) -> None:
    fortigate = make(web, version=version, refresh=refresh)
    printed = fortigate.run(COMMAND)
    assert ("Return code -61" not in printed) is works
    assert bool(web.asked) is works


def test_an_unknown_feed_is_refused(web: Web) -> None:
    assert "Return code -3" in make(web, version="8.0.0").run(COMMAND.replace("bans", "other"))


def test_a_stitch_fetches_the_feed_and_not_again_within_the_interval(web: Web) -> None:
    fortigate = make(web, version="8.0.0")
    (delivery,) = fortigate.log_event(LOGIN)
    assert (delivery.action, delivery.error) == ("fetch", "")
    assert len(web.asked) == 1
    assert fortigate.log_event(LOGIN) == []
    assert len(web.asked) == 1


@pytest.mark.parametrize(
    ("more", "options", "words"),
    [
        ("", {}, "Return code -37"),
        ("set secfabgrp read\nset cli-exec enable\n", {}, "Return code -37"),
        ("set cli-exec enable\n", {"refresh_profile": "sysgrp"}, "Return code -37"),
        ("set cli-exec enable\n", {"refresh": "refused"}, "Return code -37"),
        ("set cli-exec enable\n", {"refresh": "absent"}, "Return code -61"),
    ],
)
def test_a_stitch_whose_profile_does_not_permit_it_fetches_nothing(
    web: Web, more: str, options: dict[str, str], words: str
) -> None:
    (delivery,) = make(web, more, version="8.0.0", **options).log_event(LOGIN)
    assert words in delivery.error
    assert web.asked == []
