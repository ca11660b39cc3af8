"""An event makes a FortiGate fetch the feed where that is documented and safe, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from provision.desired.context import Context
from provision.errors import InputError
from provision.fortios.config.desired import CliBlock
from provision.fortios.config.facts import assume_facts
from provision.fortios.config.text import list_lines, parse
from provision.fortios.config.versions import read_version
from provision.fortios.session.commands import check_change
from roles import feed, webhook
from tests.unit.roles.sample_site import fortios, sample_site

REFRESH = "webhook/refresh_banstitch_refresh"
PROFILE = "webhook/profile_banstitch_refresh"
STITCH = "webhook/stitch_banstitch_sslvpn_login_failed"
SECOND = 'edit 2\n                set action "banstitch_refresh"\n                set delay 5\n'


def context(version: str, *vdoms: str, restricted: bool = False, **settings: Any) -> Context:
    site = sample_site(fortigate={"feed": feed.Settings.model_validate(settings)})
    facts = replace(assume_facts(read_version(version), *vdoms), is_restricted=restricted)
    return replace(fortios(site), facts=facts)


def render(version: str, *vdoms: str, **settings: Any) -> Mapping[str, CliBlock]:
    return {block.name: block for block in webhook.blocks(context(version, *vdoms, **settings))}


@pytest.mark.parametrize("version", ["7.6.5", "8.0.0"])
def test_auto_adds_a_second_action_where_the_command_is_documented(version: str) -> None:
    found = render(version)
    assert 'set script "execute update-external-resource banstitch_feed"' in found[REFRESH].text
    assert "set minimum-interval 10\n" in found[REFRESH].text
    assert SECOND in found[STITCH].text
    assert found[REFRESH].note == ""


def test_the_profile_has_one_group_and_may_execute() -> None:
    lines = render("8.0.0")[PROFILE].text.splitlines()
    rights = [line.strip() for line in lines if "set " in line and "comments" not in line]
    assert rights == ["set secfabgrp read-write", "set cli-exec enable"]


@pytest.mark.parametrize(
    ("version", "vdoms", "settings"),
    [
        ("7.6.4", (), {}),
        ("7.0.0", (), {}),
        ("6.4.15", (), {}),
        ("8.0.0", ("root",), {}),
        ("8.0.0", (), {"restricted": True}),
        ("8.0.0", (), {"feed_refresh": "poll"}),
    ],
)
def test_elsewhere_the_feed_is_only_polled(
    version: str, vdoms: tuple[str, ...], settings: dict[str, Any]
) -> None:
    found = render(version, *vdoms, **settings)
    assert not {REFRESH, PROFILE} & found.keys()
    assert not [name for name, block in found.items() if "refresh" in block.text]


def test_a_login_that_succeeds_fetches_nothing() -> None:
    with_it = [n for n, block in render("8.0.0").items() if "banstitch_refresh" in block.text]
    assert not [name for name in with_it if name.endswith("_ok")]
    assert STITCH.replace("failed", "ok") in render("8.0.0")


def test_stitch_asks_for_it_where_the_command_is_not_documented_with_a_note() -> None:
    found = render("7.4.8", feed_refresh="stitch", feed_refresh_interval=30)
    assert "set minimum-interval 30\n" in found[REFRESH].text
    assert "not documented; run verify" in found[REFRESH].note
    assert "cli-exec" not in render("7.4.1", feed_refresh="stitch")[PROFILE].text


def test_with_vdoms_the_script_enters_the_global_scope() -> None:
    found = render("8.0.0", "root", feed_refresh="stitch")
    script = '"config global\nexecute update-external-resource g-banstitch_feed\nend"'
    assert f"set script {script}" in found[REFRESH].text
    assert "set scope global" in found[PROFILE].text


@pytest.mark.parametrize("vdoms", [(), ("root",)])
def test_what_is_rendered_may_be_typed(vdoms: tuple[str, ...]) -> None:
    for block in render("8.0.0", *vdoms, feed_refresh="stitch").values():
        for line in list_lines(parse(block.text)):
            check_change(line)


@pytest.mark.parametrize(
    ("version", "vdoms", "settings", "words"),
    [
        ("7.0.0", (), {}, "cannot delay an action"),
        ("8.0.0", ("root",), {"feed_scope": "vdom"}, "needs feed_scope: global"),
    ],
)
def test_stitch_is_refused_where_it_cannot_be(
    version: str, vdoms: tuple[str, ...], settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        render(version, *vdoms, feed_refresh="stitch", **settings)
