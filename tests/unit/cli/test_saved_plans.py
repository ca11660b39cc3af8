"""`plan --out`, `show FILE` and `apply FILE`, as operators and pipelines use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

import pytest

from provision.engine import site
from provision.engine.fleet import approval
from provision.engine.run import Job
from provision.errors import Failed
from provision.masking import mask_plan
from provision.plan import Change, SitePlan, TargetPlan
from provision.results import SiteResult, summarize
from tests.unit.cli.command_line import HOSTS, PASSWORD, Cli
from tests.unit.inventory.inventories import write

CHANGE = Change("file:/etc/x", "update", "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new")
PLANNED = SitePlan(
    "bh1",
    "apply",
    (
        TargetPlan("bh1", "linux", "differs", (CHANGE,), notes=(f"not {PASSWORD}",)),
        TargetPlan("fw1", "fortios"),
        TargetPlan("fw2", "fortios", "unreachable", error="no route to host"),
    ),
)


@pytest.fixture
def path(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the file of a plan that was saved."""
    monkeypatch.setattr(site, "plan_site", lambda *each: mask_plan(PLANNED, each[2].secrets))
    path = tmp_path / "plan.json"
    said = cli("plan", "--out", str(path))
    assert said.code == 4
    assert said.out.splitlines()[-1] == f"saved in {path}, sha256 {read(path)['sha256']}"
    return path


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[SitePlan]:
    """Return the plans that are carried out, one for each site."""
    applied = []

    def apply(_: str, __: Job, plan: SitePlan, *___: object) -> SiteResult:
        applied.append(plan)
        return summarize(plan)

    monkeypatch.setattr(approval, "apply_saved_site", apply)
    return applied


def read(path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(path.read_text())
    return found


def test_the_file_says_what_is_in_it_and_holds_no_secret(cli: Cli, path: Path) -> None:
    found = read(path)
    assert (found["format"], found["inventory"]) == (1, [str(cli.folder)])
    assert PASSWORD not in path.read_text()


def test_it_holds_no_secret_of_an_error_that_ended_the_planning(
    cli: Cli, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise Failed(f"refused {PASSWORD}")

    monkeypatch.setattr(site, "plan_site", refuse)
    assert cli("plan", "--out", str(path)).code == 1
    assert "refused ***" in path.read_text()
    assert PASSWORD not in path.read_text()


def test_show_prints_what_plan_printed(cli: Cli, path: Path) -> None:
    planned = cli("plan", "--out", str(path)).out
    shown = cli("show", str(path), inventory=False)
    assert shown.code == 0
    assert shown.out.splitlines()[:-2] == planned.splitlines()[:-1]
    assert f"made by plan -i {cli.folder}" in shown.out
    assert str(read(path)["sha256"]) in shown.out
    document = json.loads(cli("show", str(path), "--json", inventory=False).out)
    assert [target["host"] for target in document["sites"][0]["targets"]] == ["bh1", "fw1", "fw2"]


def test_apply_carries_out_the_file_without_a_question(
    cli: Cli, path: Path, applied: list[SitePlan]
) -> None:
    said = cli("apply", str(path))
    assert said.code == 4
    assert [(plan.name, plan.verb) for plan in applied] == [("bh1", "apply")]
    assert [target.host for target in applied[0].targets] == ["bh1", "fw1", "fw2"]
    assert f"sha256 {read(path)['sha256']}" in said.out


def test_a_limit_narrows_what_is_carried_out(cli: Cli, path: Path, applied: list[SitePlan]) -> None:
    cli("apply", str(path), "-l", "fw1")
    assert [target.host for target in applied[0].targets] == ["fw1"]


def test_a_site_that_is_new_in_the_inventory_is_not_touched(
    cli: Cli, path: Path, applied: list[SitePlan]
) -> None:
    second = "            bh2: {ansible_host: 192.0.2.20}\n"
    write(cli.folder, hosts__yml=HOSTS.replace("            bh1:", second + "            bh1:", 1))
    cli("apply", str(path))
    assert [plan.name for plan in applied] == ["bh1"]
    assert cli("apply", str(path), "-l", "bh2").code == 3


def test_a_target_that_is_gone_from_the_inventory_is_an_error(
    cli: Cli, path: Path, applied: list[SitePlan]
) -> None:
    write(cli.folder, hosts__yml="\n".join(x for x in HOSTS.splitlines() if "fw2" not in x))
    said = cli("apply", str(path))
    assert (said.code, applied) == (3, [])
    assert "fw2 is in the saved plan and not in the inventory" in said.err


def test_a_target_that_moved_to_another_site_is_an_error(
    cli: Cli, path: Path, applied: list[SitePlan]
) -> None:
    second = "            bh2: {ansible_host: 192.0.2.20}\n"
    hosts = HOSTS.replace("            bh1:", second + "            bh1:", 1)
    head, _, tail = hosts.rpartition("ban_host: bh1")
    write(cli.folder, hosts__yml=f"{head}ban_host: bh2{tail}")
    said = cli("apply", str(path))
    assert (said.code, applied) == (3, [])
    assert "has fw2 at another site" in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("apply", "FILE", "--adopt"), "--adopt"),
        (("apply", "FILE", "-C"), "--check"),
        (("apply", "FILE", "--expect", "0" * 64), "is not the plan that was approved"),
        (("apply", "FILE", "--expect", ""), "is not the plan that was approved"),
        (("apply", "--expect", "0" * 64), "--expect needs FILE"),
        (("apply", "--expect", ""), "--expect needs FILE"),
        (("apply", "fw1"), "fw1 cannot be read"),
        (("show", "/nonexistent"), "cannot be read"),
        (("plan", "--out", "/nonexistent/plan.json"), "/nonexistent/plan.json cannot be written"),
    ],
)
def test_a_mistake_is_one_line_and_exits_3(
    cli: Cli, path: Path, applied: list[SitePlan], arguments: tuple[str, ...], words: str
) -> None:
    words_given = [str(path) if word == "FILE" else word for word in arguments]
    said = cli(*words_given, inventory=arguments[0] != "show")
    assert (said.code, said.out, applied) == (3, "", [])
    assert words in said.err
    assert len(said.err.splitlines()) == 1


def test_a_damaged_file_is_refused(cli: Cli, path: Path, applied: list[SitePlan]) -> None:
    path.write_text(path.read_text().replace("+new", "+evil"))
    for verb in ("show", "apply"):
        said = cli(verb, str(path), inventory=verb == "apply")
        assert (said.code, applied) == (3, [])
        assert "is damaged or was edited" in said.err
