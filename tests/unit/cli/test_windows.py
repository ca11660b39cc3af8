"""`site_window`: `apply` and `teardown` leave a site alone outside of its windows, and say when they open."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from provision.engine import site
from provision.engine.fleet import approval
from provision.engine.run import Job
from provision.plan import Change, SitePlan, TargetPlan
from provision.results import SiteResult, TargetResult, summarize
from provision.sites.site import Selected
from tests.unit.cli.command_line import Cli, Terminal
from tests.unit.inventory.inventories import write

CHANGE = Change("file:/etc/x", "update", "+new")
# A day that is neither today nor yesterday nor tomorrow, whatever the zone.
OTHER_DAY = f"{datetime.now(UTC) + timedelta(days=3):%a}"
CLOSED = f"{OTHER_DAY} 01:00-05:00 Europe/Berlin"
OPEN = "Mon-Sun 00:00-24:00 UTC"


@pytest.fixture
def contacted(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is done at two sites, of which the first is outside of its window."""
    hosts = (
        f'ban_hosts: {{hosts: {{b1: {{site_window: "{CLOSED}"}}, b2: {{site_window: "{OPEN}"}}}}}}'
    )
    write(cli.folder, hosts__yml=hosts)
    contacted: list[str] = []

    def plan(name: str, *_: object) -> SitePlan:
        contacted.append(f"plan {name}")
        return SitePlan(name, "apply", (TargetPlan(name, "linux", "differs", (CHANGE,)),))

    def apply(name: str, *_: object) -> SiteResult:
        contacted.append(f"apply {name}")
        return SiteResult(name, (TargetResult(name, "linux", "changed"),))

    def apply_saved(_: str, __: Job, plan: SitePlan, *___: object) -> SiteResult:
        contacted.append(f"apply {plan.name}")
        return summarize(plan)

    monkeypatch.setattr(site, "plan_site", plan)
    monkeypatch.setattr(site, "apply_site", apply)
    monkeypatch.setattr(approval, "apply_saved_site", apply_saved)
    return contacted


@pytest.mark.parametrize("verb", ["apply", "teardown"])
def test_a_site_outside_of_its_window_is_not_contacted(
    cli: Cli, contacted: list[str], verb: str
) -> None:
    said = cli(verb, "-y", "--json")
    assert said.code == 0
    assert contacted == ["plan b2", "apply b2"]
    first, second = (each["targets"][0] for each in json.loads(said.out)["sites"])
    assert (first["host"], first["state"], second["state"]) == ("b1", "skipped", "changed")
    assert f"which opens {OTHER_DAY} 20" in first["error"]
    assert "01:00 Europe/Berlin" in first["error"]
    assert "outside of their site_window: 1 site: b1" in said.err


@pytest.mark.parametrize("verb", ["apply", "teardown"])
def test_now_changes_it_anyway(cli: Cli, contacted: list[str], verb: str) -> None:
    assert cli(verb, "-y", "--now", "-f", "1").code == 0
    assert contacted == ["plan b1", "plan b2", "apply b1", "apply b2"]


def test_other_verbs_do_not_ask_for_a_window(cli: Cli, contacted: list[str]) -> None:
    assert cli("plan", "-f", "1").code == 2
    assert contacted == ["plan b1", "plan b2"]


def test_a_saved_plan_is_no_exception(
    cli: Cli, contacted: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("plans") / "plan.json"
    cli("plan", "--out", str(path), "-f", "1")
    contacted.clear()
    cli("apply", str(path))
    assert contacted == ["apply b2"]
    contacted.clear()
    cli("apply", str(path), "--now", "-f", "1")
    assert contacted == ["apply b1", "apply b2"]


def test_the_question_says_which_sites_are_left_alone(
    cli: Cli, contacted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    said = cli("apply")
    assert contacted == ["plan b2"]
    assert "left alone: it is outside of its site_window" in said.out


def test_a_site_outside_of_its_window_belongs_to_no_wave(cli: Cli, contacted: list[str]) -> None:
    said = cli("apply", "-y", "--waves", "1,100%")
    assert contacted == ["plan b2", "apply b2"]
    assert "wave 1 of 2: 1 site\n" in said.out


def test_a_window_that_closes_meanwhile_keeps_the_site_from_beginning(
    cli: Cli, contacted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def close_later(selected: Selected) -> str:
        return "closed" if f"plan {selected.site.name}" in contacted else ""

    monkeypatch.setattr("provision.cli.runs.check_window", close_later)
    said = cli("apply", "-y", "--json", "-f", "1")
    assert (said.code, contacted) == (0, ["plan b1", "plan b2"])
    assert [x["targets"][0]["error"] for x in json.loads(said.out)["sites"]] == ["closed"] * 2


def test_a_wave_whose_windows_have_all_closed_stops_the_next(
    cli: Cli, contacted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator took long to answer; the next wave would begin without a first one."""

    def close_later(selected: Selected) -> str:
        is_late = selected.site.name == "b1" and "plan b2" in contacted
        return "closed" if is_late else ""

    monkeypatch.setattr("provision.cli.runs.check_window", close_later)
    said = cli("apply", "-y", "--waves", "1,100%", "-f", "1")
    assert (said.code, contacted) == (1, ["plan b1", "plan b2"])
    stopped = "stopped: every site_window of wave 1 of 2 has closed; not begun: 1 site: b2"
    assert stopped in said.out


def test_a_mistake_in_a_window_contacts_nobody(cli: Cli) -> None:
    write(cli.folder, hosts__yml="ban_hosts: {hosts: {b1: {site_window: Sat 01:00-05:00}}}")
    said = cli("apply", "-y")
    assert said.code == 3
    assert "site_window: it must have the form Sat 01:00-05:00 Europe/Berlin" in said.err
