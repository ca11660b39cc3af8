"""Runs that take up an earlier one by its run file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provision.cli.main import main
from provision.engine import requests
from provision.plan import State
from provision.results import SiteResult, TargetResult
from provision.sites.site import Selected
from tests.plays import load_plays
from tests.unit.cli.command_line import Cli
from tests.unit.cli.fleet import NAMES, Fleet, interrupt_after_first, list_states, read_lines


@pytest.mark.parametrize("option", ["--resume", "--retry-failed"])
def test_a_run_that_left_nothing_to_do_is_called_so(fleet: Fleet, option: str) -> None:
    fleet("apply", "-y")
    assert fleet.again("apply", "-y", option) == []
    assert fleet.said.code == 0
    assert ": 0 of 5 sites, so there is nothing to do\n" in fleet.said.out
    assert "0 sites, 0 targets: changes=0\n" in fleet.said.out


def test_retry_failed_takes_the_failed_sites_of_the_newest_run(fleet: Fleet) -> None:
    fleet.faults |= {"a2": "no route", "a4": "refused"}
    fleet("apply", "-y")
    del fleet.faults["a2"]
    assert fleet.again("apply", "-y", "--retry-failed") == ["a2", "a4"]
    assert fleet.again("apply", "-y", "--retry-failed") == ["a4"]
    fleet.faults.clear()
    assert fleet.again("apply", "-y", "--retry-failed") == ["a4"]
    assert list_states(fleet.runs[-1]) == dict.fromkeys(NAMES, "changed")
    assert fleet.again("apply", "-y", "--retry-failed") == []
    assert fleet.said.code == 0


def test_a_named_run_file_is_taken_instead_of_the_newest(fleet: Fleet) -> None:
    fleet.faults["a3"] = "refused"
    fleet("apply", "-y")
    fleet.faults.clear()
    fleet("apply", "-y")
    assert fleet.again("apply", "-y", "--retry-failed") == []
    assert fleet.again("apply", "-y", "--retry-failed", str(fleet.runs[0])) == ["a3"]


def test_a_limit_narrows_it_and_the_others_are_not_forgotten(fleet: Fleet) -> None:
    fleet.faults |= {"a2": "no route", "a4": "refused"}
    fleet("apply", "-y")
    fleet.faults.clear()
    assert fleet.again("apply", "-y", "--retry-failed", "-l", "a4,a5") == ["a4"]
    assert fleet.again("apply", "-y", "--retry-failed") == ["a2"]


def test_a_retry_that_was_killed_or_stopped_forgets_no_failure(fleet: Fleet) -> None:
    fleet.faults |= {"a2": "no route", "a4": "refused"}
    fleet("apply", "-y")
    fleet("apply", "-y", "--retry-failed", "--waves", "1,100%")
    assert (
        "not begun: 1 site: a4" in fleet("apply", "-y", "--retry-failed", "--waves", "1,100%").out
    )
    path = fleet.runs[-1]
    whole = path.read_text()
    path.write_text(whole[: whole.rindex('{"begun"')])  # killed before it had begun anything
    assert fleet.again("apply", "-y", "--retry-failed") == ["a2", "a4"]


def test_a_rotation_is_retried_without_fortigates_that_have_new_secrets(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[tuple[str, ...]] = []
    states: dict[str, State] = {"fw2": "failed"}

    def rotate(_: object, selected: Selected) -> SiteResult:
        hosts = [TargetResult("bh1", "linux", "changed")]
        for each in selected.fortigates:
            hosts.append(TargetResult(each.name, "fortios", states.get(each.name, "changed")))
        chosen.append(tuple(each.name for each in selected.fortigates))
        return SiteResult("bh1", tuple(hosts))

    monkeypatch.setattr(requests, "rotate", rotate)
    cli("rotate", "-y")
    states.clear()
    assert cli("rotate", "-y", "--retry-failed").code == 0
    assert cli("rotate", "-y", "--resume").code == 0
    assert chosen == [("fw1", "fw2"), ("fw2",)]


def test_sites_without_a_fortigate_do_not_belong_to_a_rotation(fleet: Fleet) -> None:
    fleet("rotate", "-y")
    assert read_lines(fleet.runs[0])[0]["run"]["sites"] == {}


def test_resume_continues_the_waves_where_the_run_stopped(fleet: Fleet) -> None:
    fleet.faults["a3"] = "refused"
    fleet("apply", "-y", "--waves", "1,60%,100%")
    assert fleet.begun == ["z1", "a2", "a3"]
    assert list_states(fleet.runs[0])["a4"] == "skipped"
    fleet.faults = {"a4": "refused"}
    assert fleet.again("apply", "-y", "--resume", str(fleet.runs[0])) == ["a3", "a4", "a5"]
    assert "wave 2 of 3: 1 site\n" in fleet.said.out
    fleet.faults.clear()
    assert fleet.again("apply", "-y", "--resume") == ["a4"]
    assert list_states(fleet.runs[-1]) == dict.fromkeys(NAMES, "changed")
    assert fleet.again("apply", "-y", "--resume") == []


def test_a_resumed_wave_that_fails_stops_the_next_again(fleet: Fleet) -> None:
    fleet.faults["a2"] = "refused"
    fleet("apply", "-y", "--waves", "1,2,100%")
    assert fleet.again("apply", "-y", "--resume") == ["a2"]
    assert "not begun: 3 sites: a3, a4, a5" in fleet.said.out
    assert fleet.again("apply", "-y", "--resume", "--waves", "100%") == ["a2", "a3", "a4", "a5"]


def test_a_budget_counts_the_sites_of_the_whole_run(fleet: Fleet) -> None:
    fleet.faults |= dict.fromkeys(["a2", "a3"], "refused")
    fleet("apply", "-y", "--max-fail", "20%")
    assert fleet.begun == ["z1", "a2", "a3"]
    assert fleet.again("apply", "-y", "--resume") == ["a2", "a3"]
    assert "--max-fail allows 1; not begun: 2 sites: a4, a5" in fleet.said.out


def test_a_run_that_was_killed_is_resumed_at_the_sites_that_did_not_end(fleet: Fleet) -> None:
    fleet("apply", "-y")
    (path,) = fleet.runs
    text = path.read_text()
    path.write_text(text[: text.index('"name": "a3"')])  # killed while it wrote
    assert fleet.again("apply", "-y", "--resume", str(path)) == ["a3", "a4", "a5"]
    assert fleet.again("apply", "-y", "--retry-failed", str(path)) == []


def test_an_interrupted_run_says_how_to_do_the_rest(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt_after_first(fleet, patch)
        said = fleet("apply", "-y", "--waves", "1,100%")
    assert (said.code, read_lines(fleet.runs[0])[-1]["end"]["exit_code"]) == (130, 130)
    assert f"--resume {fleet.runs[0]} does the rest" in said.out
    assert fleet.again("apply", "-y", "--resume") == ["a2", "a3", "a4", "a5"]


def test_the_sites_can_be_listed_first(fleet: Fleet) -> None:
    fleet.faults["a3"] = "refused"
    fleet("apply", "-y")
    assert fleet("apply", "--retry-failed", "--list-sites").out == "a3\n"
    assert fleet("apply", "--shard", "1/2", "--list-hosts").out == "a3\na5\nz1\n"


def change(path: Path, **changed: object) -> None:
    """Write another head into a run file."""
    head, *rest = path.read_text().splitlines(keepends=True)
    path.write_text("".join([json.dumps({"run": json.loads(head)["run"] | changed}) + "\n", *rest]))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"verb": "teardown"}, "is from teardown; give it to teardown"),
        (
            {"inventory": ["x"], "sources": ["/x"]},
            "belongs to the inventory x; give the -i of that run",
        ),
        ({"options": ["--adopt"]}, "was begun with --adopt; give the same options again"),
        ({"format": 2}, "must be a run file of format 1 (got 2)"),
        ({"sites": {"gone": ["gone"]}}, "is damaged at line 2"),
        ({"waves": "1,5"}, "is damaged: waves must end with 100%"),
        ({"max_fail": "many"}, "is damaged: max_fail must be a number of sites or a percentage"),
        ({"more": 1}, "is damaged at line 1"),
        ({"shard": {"number": 3, "of": 2}}, "is damaged at line 1"),
        ({"shard": {"number": 1, "of": 10**12}}, "is damaged at line 1"),
    ],
)
def test_a_run_file_that_does_not_fit_is_refused(
    fleet: Fleet, changed: dict[str, object], words: str
) -> None:
    fleet("apply", "-y")
    change(fleet.runs[0], **changed)
    assert fleet.again("apply", "-y", "--resume", str(fleet.runs[0])) == []
    assert fleet.said.code == 3
    assert f"{fleet.runs[0]} {words}" in fleet.said.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be a run file"),
        ("[]\n", "must be a run file"),
        ('{"run": {"verb": "apply"}}\n', "must be a run file of format 1 (got None)"),
        ("ban_hosts:\n", "must be a run file"),
        ("\x80\n", "must be a run file"),
    ],
)
def test_another_file_is_refused(fleet: Fleet, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(text.encode("latin-1"))
    assert fleet.again("apply", "-y", "--retry-failed", str(path)) == []
    assert (fleet.said.code, len(fleet.said.err.splitlines())) == (3, 1)
    assert f"{path} {words}" in fleet.said.err


def test_a_mistake_is_one_line_and_contacts_nobody(fleet: Fleet) -> None:
    for words, error in (
        (["--resume", "/nonexistent"], "/nonexistent cannot be read"),
        (["--resume"], "has no run file of apply for this inventory"),
        (["--resume", "--retry-failed"], "must not be used together"),
        (["--shard", "5/4"], "must be K/N with K from 1 to N"),
    ):
        assert fleet.again("apply", "-y", *words) == []
        assert fleet.said.code == 3
        assert error in fleet.said.err


def test_a_site_that_no_longer_exists_is_named_and_can_be_left_out(fleet: Fleet) -> None:
    fleet.faults |= {"a2": "refused", "a4": "refused"}
    fleet("apply", "-y")
    fleet.write("z1", "a3", "a4", "a5")
    assert fleet.again("apply", "-y", "--retry-failed") == []
    assert "a2 of site a2 is in " in fleet.said.err
    assert fleet.again("apply", "-y", "--retry-failed", "-l", "all") == ["a4"]


def test_the_newest_run_of_another_inventory_is_not_taken(fleet: Fleet) -> None:
    fleet.faults["a2"] = "refused"
    fleet("apply", "-y")
    other = fleet.cli.folder.with_name("staging")
    other.mkdir()
    (other / "hosts.yml").write_text((fleet.cli.folder / "hosts.yml").read_text())
    fleet.begun.clear()
    assert main(load_plays, ["apply", "-y", "-i", str(other), "--retry-failed"]) == 3
    assert fleet.begun == []


def test_a_saved_plan_is_resumed_without_the_sites_that_are_done(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provision.engine.fleet import approval

    monkeypatch.setattr(approval, "apply_saved_site", fleet.apply)
    saved = str(tmp_path / "plan.json")
    fleet("plan", "--out", saved, "-l", "a2,a3")
    fleet.faults["a2"] = "refused"
    fleet("apply", saved)
    assert fleet.again("apply", saved, "--resume") == ["a2"]


def test_a_check_shows_what_a_resumed_run_would_do_and_leaves_no_file(fleet: Fleet) -> None:
    fleet.faults["a2"] = "refused"
    fleet("apply", "-y", "--waves", "2,100%")
    before = [path.read_text() for path in fleet.runs]
    for words in (["--resume"], ["--resume", str(fleet.runs[0])], ["--retry-failed"]):
        assert fleet.again("apply", "-C", *words) == []
        assert fleet.said.code == 2
        assert "a2" in fleet.said.out
        assert "z1" not in fleet.said.out
    assert [path.read_text() for path in fleet.runs] == before


def test_the_run_file_of_a_preview_has_the_sites_that_it_planned(
    fleet: Fleet, tmp_path: Path
) -> None:
    fleet.faults["a2"] = "refused"
    fleet("apply", "-y")
    fleet("apply", "-C", "--retry-failed", str(fleet.runs[0]), "--run-dir", str(tmp_path / "runs"))
    (path,) = (tmp_path / "runs").iterdir()
    assert (read_lines(path)[0]["run"]["verb"], list_states(path)) == ("plan", {"a2": "differs"})
    assert list(read_lines(path)[0]["run"]["sites"]) == ["a2"]
