"""`--waves` and `--max-fail`: what begins, what does not, and how an operator is told."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from provision.engine import site
from provision.results import SiteResult
from tests.unit.cli.command_line import Cli, Terminal
from tests.unit.cli.fleet import NAMES, Fleet, interrupt_after_first
from tests.unit.cli.junit_schema import list_outcomes, read_junit


@pytest.mark.parametrize("verb", ["apply", "teardown"])
def test_waves_follow_the_inventory_and_a_failure_stops_the_next(fleet: Fleet, verb: str) -> None:
    fleet.faults["a2"] = "refused"
    said = fleet(verb, "-y", "--waves", "1,50%,100%")
    assert said.code == 1
    assert fleet.begun == ["z1", "a2", "a3"]
    *_, stopped, remedy = said.out.splitlines()
    assert stopped == "stopped: 1 of 2 sites failed in wave 2 of 3; not begun: 2 sites: a4, a5"
    assert remedy == f"correct the cause and run again with --resume {fleet.runs[0]}"
    assert "wave 1 of 3: 1 site\n" in said.out


def test_without_a_failure_every_wave_is_done(fleet: Fleet) -> None:
    said = fleet("apply", "-y", "--waves", "1,50%,100%")
    assert (said.code, fleet.begun) == (0, NAMES)
    assert "stopped" not in said.out


def test_without_waves_a_failure_stops_no_other_site(fleet: Fleet) -> None:
    fleet.faults |= dict.fromkeys(NAMES[:4], "refused")
    assert fleet("apply", "-y").code == 1
    assert len(fleet.begun) == 5


def test_a_site_may_have_a_wave_of_its_own(fleet: Fleet) -> None:
    fleet.write(a4="site_wave: 1", z1="site_wave: 3")
    fleet("apply", "-y", "--waves", "1,50%,100%")
    assert fleet.begun == ["a4", "a2", "a3", "z1", "a5"]


def test_the_results_name_every_site_that_was_not_begun(fleet: Fleet, tmp_path: Path) -> None:
    fleet.faults["z1"] = "refused"
    junit = tmp_path / "junit.xml"
    said = fleet("apply", "-y", "--json", "--waves", "1,100%", "--report", f"junit:{junit}")
    document = json.loads(said.out)
    found = {x["host"]: (x["state"], x["error"]) for s in document["sites"] for x in s["targets"]}
    left = ("skipped", "not begun: 1 of 1 site failed in wave 1 of 2")
    assert found == {"z1": ("failed", "refused"), **dict.fromkeys(NAMES[1:], left)}
    outcomes = list_outcomes(read_junit(junit.read_text()))
    assert outcomes == {"z1": "error", **dict.fromkeys(NAMES[1:], "skipped"), "apply": "error"}
    assert "stopped: " in said.err


def test_failures_within_the_budget_let_the_next_wave_begin(fleet: Fleet) -> None:
    fleet.faults |= {"a2": "refused", "a4": "no route"}
    said = fleet("apply", "-y", "--waves", "1,50%,100%", "--max-fail", "2")
    assert (said.code, fleet.begun) == (1, NAMES)


@pytest.mark.parametrize("budget", ["1", "20%"])
def test_the_budget_stops_a_run_without_waves_too(fleet: Fleet, budget: str) -> None:
    fleet.faults |= {"a2": "refused", "a4": "no route"}
    said = fleet("apply", "-y", "--max-fail", budget)
    assert len(fleet.begun) == 4
    assert "stopped: 2 sites failed, --max-fail allows 1; not begun: 1 site: a5" in said.out


def test_the_same_error_at_the_whole_first_wave_stops_whatever_the_budget(fleet: Fleet) -> None:
    fleet.faults |= {"z1": "z1 port 22: no route", "a2": "a2 port 2222: no route"}
    said = fleet("apply", "-y", "--waves", "2,100%", "--max-fail", "4")
    assert fleet.begun == ["z1", "a2"]
    assert "2 sites of wave 1 of 2 failed, all with the same error" in said.out


def test_an_error_that_nobody_foresaw_is_a_failure_of_its_wave(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, *_: object) -> SiteResult:
        fleet.begun.append(name)
        raise RuntimeError("a fault")

    monkeypatch.setattr(site, "apply_site", fail)
    assert fleet("apply", "-y", "--waves", "1,100%").code == 1
    assert fleet.begun == ["z1"]


def test_an_interrupt_reports_what_earlier_waves_did(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_after_first(fleet, monkeypatch)
    said = fleet("apply", "-y", "--json", "--waves", "1,100%")
    document = json.loads(said.out)
    assert (said.code, document["exit_code"]) == (130, 130)
    assert [each["name"] for each in document["sites"]] == ["z1"]


def test_the_question_shows_the_waves(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    said = fleet("apply", "--waves", "1,50%,100%")
    assert fleet.begun == []
    assert said.out.splitlines()[-3:] == [
        "wave 1 of 3: 1 site: z1",
        "wave 2 of 3: 2 sites: a2, a3",
        "wave 3 of 3: 2 sites: a4, a5",
    ]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--waves", "1,10%"], "must end with 100%"),
        (["--max-fail", "few"], "must be a number of sites or a percentage"),
    ],
)
def test_a_mistake_is_one_line_and_contacts_nobody(
    fleet: Fleet, words: list[str], error: str
) -> None:
    said = fleet("apply", "-y", *words)
    assert (said.code, fleet.begun) == (3, [])
    assert error in said.err


@pytest.mark.parametrize(
    ("variable", "code", "words"),
    [
        ("site_wave: first", 3, "site_wave must be an integer from 0 to 100 (got 'first')"),
        ("site_wave: -1", 3, "site_wave must be an integer from 0 to 100 (got -1)"),
        ("site_waves: 1", 0, "warning: HOSTS:3: site_waves has no effect; did you mean site_wave?"),
        ("site_wan: 1", 0, ""),
        ("site_name: Paris", 0, ""),
    ],
)
def test_a_mistake_in_the_inventory_is_named(
    fleet: Fleet, variable: str, code: int, words: str
) -> None:
    fleet.write(z1=variable)
    said = fleet.cli("check")
    assert said.code == code
    assert words.replace("HOSTS", f"{fleet.cli.folder}/hosts.yml") in said.err
    assert bool(said.err) == bool(words)


def test_a_wave_belongs_to_the_ban_host(cli: Cli) -> None:
    hosts = cli.folder / "hosts.yml"
    text = hosts.read_text().replace("fw1: {", "fw1: {site_wave: 1, ")
    hosts.write_text(text)
    said = cli("check")
    assert said.code == 3
    assert "site_wave of fw1 has no effect; set it for bh1, the ban host of its site" in said.err
    (cli.folder / "group_vars").mkdir()
    (cli.folder / "group_vars/all.yml").write_text("site_wave: 1\n")
    assert cli("check").code == 0
