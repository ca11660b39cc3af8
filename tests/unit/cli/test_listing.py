"""`--list-hosts` and `--list-sites` name what a verb would contact, and contact nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provision.engine.fleet.saved_plans import SavedPlan, format_saved
from provision.plan import Change, SitePlan, TargetPlan
from tests.unit.cli.command_line import HOSTS, Cli
from tests.unit.inventory.inventories import write


@pytest.fixture
def two(cli: Cli) -> Cli:
    """Return the command line on an inventory of two sites, one of them without a FortiGate."""
    second = "            bh2: {ansible_host: 192.0.2.20}\n"
    head, mark, tail = HOSTS.partition("        fortigates:")
    write(cli.folder, hosts__yml=head + second + mark + tail)
    return cli


@pytest.mark.parametrize(
    ("words", "hosts"),
    [
        ("plan", "bh1 fw1 fw2 bh2"),
        ("apply", "bh1 fw1 fw2 bh2"),
        ("teardown -l bh2", "bh2"),
        ("plan -l fw1", "bh1 fw1"),
        ("check -l fw1", "fw1"),
        ("render -l bh1 out", "bh1"),
        ("status -l fw2", "bh1 fw2"),
        ("bans", "bh1 bh2"),
        ("ban 203.0.113.9 -l fw1", "bh1"),
        ("alarms -l fw1", "bh1"),
        ("status -l fw1 --stale 1h", "bh1"),
        ("replay --evidence", "bh1 bh2"),
        ("rotate", "bh1 fw1 fw2"),
        ("rotate -l fw2", "bh1 fw2"),
    ],
)
def test_a_verb_lists_the_hosts_that_it_would_contact(two: Cli, words: str, hosts: str) -> None:
    said = two(*words.split(), "--list-hosts")
    assert (said.code, said.err) == (0, "")
    assert said.out.split() == hosts.split()
    assert len(said.out.splitlines()) == len(hosts.split())


def test_sites_are_listed_by_the_name_of_their_ban_host(two: Cli) -> None:
    assert two("plan", "--list-sites").out == "bh1\nbh2\n"
    assert two("plan", "--list-sites", "-l", "fw*").out == "bh1\n"
    assert two("rotate", "--list-sites").out == "bh1\n"


def test_lists_can_be_json(two: Cli) -> None:
    assert json.loads(two("bans", "--list-hosts", "--json").out) == {"hosts": ["bh1", "bh2"]}
    assert json.loads(two("bans", "--list-sites", "--json").out) == {"sites": ["bh1", "bh2"]}


def test_a_saved_plan_lists_the_sites_at_which_it_changes_something(
    two: Cli, tmp_path: Path
) -> None:
    due = TargetPlan("bh1", "linux", "differs", (Change("file:/x", "update"),))
    planned = SitePlan("bh1", "apply", (due, TargetPlan("fw1", "fortios")))
    others = SitePlan("bh2", "apply", (TargetPlan("bh2", "linux"),))
    path = tmp_path / "plan.json"
    path.write_text(format_saved(SavedPlan((planned, others))))
    assert two("apply", str(path), "--list-hosts").out == "bh1\nfw1\n"
    assert two("apply", str(path), "--list-hosts", "-l", "bh2").out == ""


def test_a_list_empties_no_report(two: Cli, tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text("of the last run")
    two("plan", "--list-hosts", "--report", f"junit:{report}")
    assert report.read_text() == "of the last run"


def test_a_mistake_is_an_error(two: Cli) -> None:
    both = two("plan", "--list-hosts", "--list-sites")
    assert (both.code, both.out) == (3, "")
    assert "must not be used together" in both.err
    assert two("plan", "--list-hosts", "-l", "nobody").code == 3
