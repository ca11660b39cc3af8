"""Run files: what a run leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from provision.engine import requests, site
from provision.engine.fleet import run_folder
from provision.errors import Failed
from provision.plan import SitePlan
from provision.results import SiteResult, TargetResult
from provision.sites.site import Selected
from tests.unit.cli.command_line import PASSWORD, Cli
from tests.unit.cli.fleet import NAMES, Fleet, list_states, read_lines


@pytest.mark.parametrize("verb", ["apply", "teardown"])
def test_a_run_that_changes_leaves_a_file_beside_the_inventory(fleet: Fleet, verb: str) -> None:
    fleet.faults["a2"] = "no route"
    said = fleet(verb, "-y", "--waves", "1,100%", "--max-fail", "50%")
    (path,) = fleet.runs
    assert path.parent == fleet.cli.folder.parent / "banstitch-runs"
    head, *_, end = read_lines(path)
    assert (head["run"]["verb"], head["run"]["waves"], head["run"]["max_fail"]) == (
        verb,
        "1,100%",
        "50%",
    )
    assert list(head["run"]["sites"]) == NAMES
    assert end["end"]["exit_code"] == said.code == 1
    states = {**dict.fromkeys(NAMES, "changed"), "a2": "failed"}
    assert list_states(path) == states
    assert f"run file: {path}; --retry-failed" in said.out


def test_nobody_else_can_read_it(fleet: Fleet) -> None:
    fleet("apply", "-y")
    (path,) = fleet.runs
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_run_that_changes_nothing_leaves_none_unless_told_where(
    fleet: Fleet, tmp_path: Path
) -> None:
    fleet("plan")
    assert fleet.runs == []
    fleet("plan", "--run-dir", str(tmp_path / "new" / "runs"))
    (path,) = (tmp_path / "new" / "runs").iterdir()
    assert read_lines(path)[0]["run"]["verb"] == "plan"
    assert list_states(path) == dict.fromkeys(NAMES, "differs")


def test_a_question_that_was_answered_with_no_leaves_none(fleet: Fleet) -> None:
    fleet("apply")
    assert fleet.runs == []


def test_a_folder_that_cannot_be_written_is_a_warning_only(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = fleet("apply", "-y", "--run-dir", str(tmp_path / "file" / "runs"))
    assert (said.code, fleet.begun) == (0, NAMES)
    assert "warning: no run file in " in said.out
    assert "--run-dir names another folder" in said.out


def test_a_folder_that_would_be_read_as_an_inventory_gets_none(fleet: Fleet) -> None:
    folder = fleet.cli.folder / "runs"
    said = fleet("apply", "-y", "--run-dir", str(folder))
    assert (said.code, fleet.begun) == (0, NAMES)
    assert "it would be read as an inventory; --run-dir names another folder" in said.out
    assert not folder.exists()


def test_only_the_newest_are_kept_and_no_other_file_is_deleted(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "KEPT", 2)
    fleet("apply", "-y")
    (oldest,) = fleet.runs
    mine = oldest.with_name("20000101T000000Z-notes.txt")
    mine.touch()
    for _ in range(3):
        fleet("apply", "-y")
    assert not oldest.exists()
    assert len(fleet.runs) == 3
    assert mine.exists()


def test_it_holds_no_secret(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    result = SiteResult("bh1", (TargetResult("bh1", "linux", "failed", error="refused"),))
    monkeypatch.setattr(site, "plan_site", lambda name, *_: SitePlan(name, "apply"))
    monkeypatch.setattr(site, "apply_site", lambda *_: result)
    assert cli("apply", "-y", "-l", f"~bh1|{PASSWORD}").code == 1
    (path,) = (cli.folder.parent / "banstitch-runs").iterdir()
    assert PASSWORD not in path.read_text()


def test_it_holds_no_secret_of_an_error_that_ended_the_work_at_a_site(fleet: Fleet) -> None:
    fleet.write(a2=f"ansible_password: {PASSWORD}")

    def refuse(name: str, *_: object) -> NoReturn:
        raise Failed(f"{name} refused {PASSWORD}")

    fleet.apply = refuse  # type: ignore[method-assign]
    assert fleet("apply", "-y").code == 1
    (path,) = fleet.runs
    assert "a2 refused ***" in path.read_text()
    assert PASSWORD not in path.read_text()


def test_each_shard_keeps_runs_of_its_own(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "KEPT", 1)
    for number in (1, 2, 3, 1):
        fleet("apply", "-y", "--shard", f"{number}/3")
    shards = [read_lines(path)[0]["run"]["shard"]["number"] for path in fleet.runs]
    assert sorted(shards) == [1, 2, 3]


def test_a_folder_without_a_name_is_a_mistake(fleet: Fleet) -> None:
    assert fleet.again("apply", "-y", "--run-dir", "") == []
    assert (fleet.said.code, "'--run-dir': must not be empty" in fleet.said.err) == (3, True)


def test_a_note_about_drift_that_failed_is_recorded(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def note(_: object, selected: Selected, planned: SiteResult) -> SiteResult:
        targets = tuple(
            replace(each, state="failed", error="disk full") for each in planned.targets
        )
        return replace(planned, targets=targets) if selected.site.name == "a3" else planned

    monkeypatch.setattr(requests, "note_drift", note)
    fleet("plan", "--note-drift", "--run-dir", str(tmp_path / "runs"))
    (path,) = (tmp_path / "runs").iterdir()
    assert list_states(path) == {**dict.fromkeys(NAMES, "differs"), "a3": "failed"}
    ended = [line["site"]["name"] for line in read_lines(path) if "site" in line]
    assert sorted(ended) == sorted(NAMES)
