"""A saved plan is carried out as it was approved, or not at all."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given

from provision.engine.fleet.approval import apply_saved_site, narrow_plan
from provision.engine.fleet.saved_plans import SavedPlan, format_saved, read_saved
from provision.engine.run import Job
from provision.errors import InputError, Unreachable
from provision.fortios.config.text import Statement, Word
from provision.masking import Secrets
from provision.plan import SitePlan
from provision.results import SiteResult
from provision.sites.selection import Choice, read_sites
from tests.plays import PLAYS
from tests.unit.engine.site_model import (
    BAN_HOST,
    FW1,
    FW2,
    ONLY_FW1,
    World,
    go,
    job,
    notes,
    plan,
    states,
)
from tests.unit.inventory.inventories import write
from tests.unit.test_plan import PLANS


def save(folder: Path, *sites: SitePlan) -> Path:
    path = folder / "plan.json"
    path.write_text(format_saved(SavedPlan(sites, ("inventory",))))
    return path


def carry_out(work: Job, path: Path) -> SiteResult:
    (site,) = read_saved(path).sites
    return apply_saved_site(site.name, work, narrow_plan(site, work.sites[site.name]))


def edit(path: Path, **changes: object) -> Path:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


# --- the file --------------------------------------------------------------------------------------


def test_what_is_saved_comes_back(world: World, tmp_path: Path) -> None:
    saved = SavedPlan((plan(job("apply")),), ("a", "b"), "fw*", True, ("gone",))
    path = tmp_path / "plan.json"
    path.write_text(format_saved(saved))
    assert read_saved(path) == saved
    assert read_saved(path).digest == json.loads(path.read_text())["sha256"]


@given(PLANS)
def test_every_text_of_a_plan_comes_back(found: SitePlan) -> None:
    """The file splits texts into lines, and what it holds must be put together again as it was."""
    hosts = tuple(replace(each, host=f"h{n}") for n, each in enumerate(found.targets))
    saved = SavedPlan((replace(found, verb="apply", targets=hosts),))
    with TemporaryDirectory() as folder:
        path = Path(folder, "plan.json")
        path.write_text(format_saved(saved))
        if hosts:
            assert read_saved(path) == saved


def test_a_reviewer_reads_cli_and_files_line_by_line(world: World, tmp_path: Path) -> None:
    document = json.loads(save(tmp_path, plan(job("apply"))).read_text())
    host, fortigate, _ = document["sites"][0]["targets"]
    assert all(isinstance(step["cli"], list) for step in fortigate["steps"])
    files = next(step["files"] for step in host["steps"] if "files" in step)
    assert any(isinstance(file["content"], list) for file in files)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be a saved plan, which is JSON"),
        ("[]", "must be a saved plan"),
        ('{"verb": "plan"}', "must be a saved plan"),
        ('{"sha256": "a", "sha256": "b"}', "a key occurs twice"),
        ("[" * 100_000, "must be a saved plan, which is JSON"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_saved(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, r"must be a saved plan of format 1 \(got 2\)"),
        ({"banstitch": "9.9.9"}, "was made by Banstitch 9.9.9, and this is"),
        ({"sites": []}, "damaged or was edited"),
        ({"forget": ["fw9"]}, "damaged or was edited"),
        ({"more": 1}, "damaged or was edited"),
    ],
)
def test_a_file_that_was_edited_is_refused(
    world: World, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    path = edit(save(tmp_path, plan(job("apply"))), **changes)
    with pytest.raises(InputError, match=words):
        read_saved(path)


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory; make a new plan"):
        read_saved(tmp_path / "plan.json")


def test_an_approval_is_bound_to_one_plan(world: World, tmp_path: Path) -> None:
    path = save(tmp_path, plan(job("apply")))
    digest = read_saved(path).digest
    assert read_saved(path, digest.upper()).digest == digest
    with pytest.raises(InputError, match="is not the plan that was approved"):
        read_saved(path, "0" * 64)


@pytest.mark.parametrize(
    ("name", "words"), [("teardown", "must be one of apply"), ("twice", "must not occur twice")]
)
def test_plans_that_apply_cannot_carry_out_are_refused(
    world: World, tmp_path: Path, name: str, words: str
) -> None:
    approved = plan(job("apply"))
    sites = (approved, approved) if name == "twice" else (replace(approved, verb="teardown"),)
    with pytest.raises(InputError, match=words):
        read_saved(save(tmp_path, *sites))
    with pytest.raises(InputError, match="must name a target"):
        read_saved(save(tmp_path))


# --- carrying it out ---------------------------------------------------------------------------


def test_a_saved_plan_is_carried_out(world: World, tmp_path: Path) -> None:
    path = save(tmp_path, plan(job("apply")))
    result = carry_out(job("apply"), path)
    assert states(result) == {BAN_HOST: "changed", FW1: "changed", FW2: "changed"}
    assert states(go("plan")) == {BAN_HOST: "ok", FW1: "ok", FW2: "ok"}


def test_one_fortigate_that_has_changed_keeps_its_whole_site_from_being_touched(
    world: World, tmp_path: Path
) -> None:
    path = save(tmp_path, plan(job("apply")))
    world.units[FW2]["vpn ssl settings"] = (
        Statement("set", (Word("source-address"), Word('"theirs"'))),
        Statement("set", (Word("source-address-negate"), Word("enable"))),
    )
    world.log.clear()

    result = carry_out(job("apply"), path)

    assert states(result) == {BAN_HOST: "skipped", FW1: "skipped", FW2: "failed"}
    moved = result.targets[2]
    assert "changed after its plan was saved; nothing was sent to its site" in moved.error
    assert moved.new_plan
    assert moved.difference
    assert "fw2 is not as it was planned" in result.targets[0].error
    assert world.changes() == []


def test_a_target_that_cannot_be_reached_keeps_its_site_from_being_touched(
    world: World, tmp_path: Path
) -> None:
    path = save(tmp_path, plan(job("apply")))
    world.faults[(FW1, "connect")] = Unreachable("no route")
    result = carry_out(job("apply"), path)
    assert states(result) == {BAN_HOST: "skipped", FW1: "unreachable", FW2: "skipped"}
    assert world.changes() == []


def test_a_plan_that_was_carried_out_already_changes_nothing(world: World, tmp_path: Path) -> None:
    path = save(tmp_path, plan(job("apply")))
    carry_out(job("apply"), path)
    world.log.clear()
    assert states(carry_out(job("apply"), path))[BAN_HOST] == "failed"
    assert world.changes() == []


def test_a_target_that_had_no_plan_is_left_alone_once_it_is_back(
    world: World, tmp_path: Path
) -> None:
    world.faults[(FW1, "connect")] = Unreachable("no route")
    path = save(tmp_path, plan(job("apply")))
    world.faults.clear()
    result = carry_out(job("apply"), path)
    assert states(result) == {BAN_HOST: "changed", FW1: "unreachable", FW2: "changed"}
    assert "there was no plan for it when the plan was saved" in notes(result, FW1)[-1]
    assert (FW1, "apply") not in world.log


def test_a_site_without_changes_in_the_plan_is_not_contacted(world: World, tmp_path: Path) -> None:
    go("apply")
    path = save(tmp_path, plan(job("apply")))
    world.host.packages.clear()
    world.log.clear()
    assert states(carry_out(job("apply"), path)) == {BAN_HOST: "ok", FW1: "ok", FW2: "ok"}
    assert world.log == []


def test_a_limit_narrows_a_saved_plan_and_adds_nothing(world: World, tmp_path: Path) -> None:
    go("apply")
    for name in (FW1, FW2):
        world.units[name] = {"vpn ssl settings": ()}
    path = save(tmp_path, plan(job("apply")))
    world.log.clear()
    result = carry_out(job("apply", ONLY_FW1), path)
    assert states(result) == {FW1: "changed"}
    assert (FW2, "connect") not in world.log
    assert (BAN_HOST, "apply") not in world.log


def test_another_process_chooses_no_more_than_the_saved_plan(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        hosts__yml="""
            ban_hosts: {hosts: {ban1: {ansible_host: 192.0.2.1}, ban2: {ansible_host: 192.0.2.3}}}
            fortigates:
              hosts: {fw1: {ansible_host: 192.0.2.2, ban_host: ban1, ansible_password: long-enough}}
            """,
    )
    choice = Choice((str(folder),), hosts=("fw1",))
    sites = read_sites(choice, PLAYS, Secrets())
    received = pickle.loads(pickle.dumps(sites))
    assert [*received] == ["ban1"]
    assert not received["ban1"].linux


def test_what_is_forgotten_must_be_what_was_approved(world: World, tmp_path: Path) -> None:
    go("apply")
    assert world.host.memory is not None
    records = world.host.memory["fortigates"]
    records["gone1"] = records[FW1]
    work = job("apply", forget=("gone1", "gone2"))
    path = save(tmp_path, plan(work))
    records["gone2"] = records[FW1]
    assert states(carry_out(work, path))[BAN_HOST] == "failed"
    assert set(world.records()) == {FW1, FW2, "gone1", "gone2"}
    del records["gone2"]
    assert states(carry_out(work, path))[BAN_HOST] == "ok"
    assert set(world.records()) == {FW1, FW2}
