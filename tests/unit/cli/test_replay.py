"""`replay --evidence`: which sites answered, what is left out, and the exit code."""

from __future__ import annotations

import json
from typing import Any

import pytest
from banstitch_shared.eventlog import FAILURE, SUCCESS, Entry, write_line

from provision.results import SiteResult, TargetResult
from tests.unit.cli.command_line import Cli

EVENTS = [
    write_line(Entry(1_700_000_000.5, "fw1", "sslvpn_login_failed", FAILURE, "45.9.9.9", "admin"))
]


def answer(monkeypatch: pytest.MonkeyPatch, **result: Any) -> None:
    """Have every ban host answer in this way."""
    target = TargetResult("bh1", "linux", **{"state": "ok", **result})
    monkeypatch.setattr("provision.engine.requests.ask", lambda *_: SiteResult("bh1", (target,)))


def test_evidence_is_replayed_with_the_rules_of_the_inventory(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, details={"events": EVENTS, "left_out": False})
    shown = cli("replay", "--evidence")
    assert (shown.code, shown.err) == (0, "")
    assert "45.9.9.9 banned until 2023-11-15 22:13:20Z  (sslvpn_login_failed, trap" in shown.out
    document = json.loads(cli("replay", "--evidence", "--json").out)
    assert [ban["network"] for ban in document["bans"]] == ["45.9.9.9"]
    assert (document["errors"], document["left_out"]) == ({}, [])


def test_a_name_that_somebody_typed_cannot_control_the_terminal(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = Entry(1_700_000_001.5, "fw1", "sslvpn_login_failed", SUCCESS, "45.9.9.9", "\x1b[2J\n")
    answer(monkeypatch, details={"events": [*EVENTS, write_line(login)], "left_out": False})
    shown = cli("replay", "--evidence").out
    assert "trap): \\x1b[2J\\n logged in at" in shown
    assert "\x1b" not in shown


def test_evidence_that_does_not_fit_is_reported(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, details={"events": EVENTS, "left_out": True})
    assert "bh1: older events are left out" in cli("replay", "--evidence").out
    assert json.loads(cli("replay", "--evidence", "--json").out)["left_out"] == ["bh1"]


def test_a_site_that_does_not_answer_is_an_error(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, state="unreachable", error="no route to host")
    shown = cli("replay", "--evidence")
    assert shown.code == 4
    assert "bh1: no route to host" in shown.out
    found = cli("replay", "--evidence", "--json")
    assert found.code == 4
    assert json.loads(found.out)["errors"] == {"bh1": "no route to host"}


@pytest.mark.parametrize("arguments", [[], ["vpn.log", "--evidence"]])
def test_either_files_or_evidence_must_be_given(cli: Cli, arguments: list[str]) -> None:
    shown = cli("replay", *arguments)
    assert shown.code == 3
    assert "give either FILE... or --evidence" in shown.err
