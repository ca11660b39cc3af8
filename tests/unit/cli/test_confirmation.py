"""Check that a run whose plan the operator declines changes nothing."""

from __future__ import annotations

import json
import sys

import pytest

from provision.engine import site
from provision.plan import Change, SitePlan, TargetPlan
from tests.unit.cli.command_line import Cli, Terminal


def test_the_answer_no_changes_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    change = Change("file:/etc/x", "update", "+new")
    planned = SitePlan("bh1", "apply", (TargetPlan("bh1", "linux", "differs", (change,)),))
    monkeypatch.setattr(site, "plan_site", lambda *_: planned)
    monkeypatch.setattr(site, "apply_site", lambda *_: pytest.fail("it was changed"))
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    said = cli("apply")
    assert said.code == 0
    assert "+new" in said.out
    assert said.err.endswith("nothing was changed\n")


def test_after_the_answer_no_json_is_still_one_document(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = Change("file:/etc/x", "create", "+new")
    planned = SitePlan("bh1", "apply", (TargetPlan("bh1", "linux", "differs", (change,)),))
    monkeypatch.setattr(site, "plan_site", lambda *_: planned)
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    found = json.loads(cli("apply", "--json").out)
    assert (found["verb"], found["exit_code"]) == ("apply", 0)
    assert found["sites"][0]["targets"][0]["state"] == "differs"
