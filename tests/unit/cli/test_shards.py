"""`--shard` and `merge`: several controllers share the work, and one command prints all of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provision.plan import SitePlan, TargetPlan
from tests.unit.cli.fleet import CHANGE, NAMES, Fleet
from tests.unit.cli.junit_schema import list_outcomes, read_junit


def run_shards(fleet: Fleet, verb: str = "apply", of: int = 2) -> list[str]:
    """Run all shards, and return the paths of their run files."""
    folder = fleet.cli.folder.parent / verb
    for number in range(1, of + 1):
        yes = ["-y"] if verb == "apply" else []
        fleet(verb, *yes, "--shard", f"{number}/{of}", "--run-dir", str(folder))
    return sorted(map(str, folder.iterdir()))


def merge(fleet: Fleet, *words: str) -> tuple[int, str, str]:
    said = fleet.cli("merge", *words, inventory=False)
    return said.code, said.out, said.err


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_each_site_belongs_to_one_shard(fleet: Fleet, of: int) -> None:
    paths = run_shards(fleet, of=of)
    assert len(paths) == of
    assert sorted(fleet.begun) == sorted(NAMES)


def test_a_shard_is_of_the_sites_within_the_limit(fleet: Fleet) -> None:
    assert fleet.again("apply", "-y", "-l", "all:!z1", "--shard", "1/2") == ["a2", "a4"]
    assert fleet.again("apply", "-y", "-l", "all:!z1", "--shard", "2/2") == ["a3", "a5"]


def test_a_shard_retries_its_own_failures(fleet: Fleet) -> None:
    fleet.faults |= {"a2": "refused", "a3": "refused"}
    fleet("apply", "-y", "--shard", "1/2")  # z1, a3, a5
    fleet("apply", "-y", "--shard", "2/2")  # a2, a4
    assert fleet.again("apply", "-y", "--retry-failed") == []
    assert "is from shard 2/2, and there are others; name the run file, or give" in fleet.said.err
    assert fleet.again("apply", "-y", "--shard", "1/2", "--retry-failed") == ["a3"]
    assert fleet.again("apply", "-y", "--shard", "2/2", "--resume") == ["a2"]
    assert fleet.again("apply", "-y", "--resume", str(fleet.runs[0])) == ["a3"]
    assert fleet.again("apply", "-y", "--shard", "2/2", "--resume", str(fleet.runs[0])) == []
    assert "is from shard 1/2; leave out --shard 2/2" in fleet.said.err


def test_merged_shards_are_printed_like_one_run(fleet: Fleet, tmp_path: Path) -> None:
    fleet.faults["a3"] = "refused"
    paths = run_shards(fleet)
    junit = tmp_path / "merged.xml"
    code, out, err = merge(fleet, *paths, "--report", f"junit:{junit}")
    assert (code, err) == (1, "")
    assert out.splitlines()[-1] == "5 sites, 5 targets: changed=4 failed=1 changes=0"
    assert "  failed      a3 (linux, 0 execs)\n      refused\n" in out
    assert list_outcomes(read_junit(junit.read_text())).keys() == {*NAMES}
    _, out, _ = merge(fleet, *reversed(paths), "--json")
    document = json.loads(out)
    assert (document["verb"], document["exit_code"]) == ("apply", 1)
    assert [site["name"] for site in document["sites"]] == sorted(NAMES)


def test_plans_are_merged_with_their_diffs(fleet: Fleet) -> None:
    code, out, _ = merge(fleet, *run_shards(fleet, "plan"))
    assert code == 2
    assert out.count("          +new") == 5


def test_the_exit_code_is_the_worst_of_all_shards(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan(name: str, *_: object) -> SitePlan:
        state = "unreachable" if name == "a4" else "differs"
        changes = () if name == "a4" else (CHANGE,)
        return SitePlan(name, "plan", (TargetPlan(name, "linux", state, changes),))  # type: ignore[arg-type]

    monkeypatch.setattr(fleet, "plan", plan)
    assert merge(fleet, *run_shards(fleet, "plan"))[0] == 4


def test_a_shard_that_stopped_or_was_killed_is_an_error(fleet: Fleet) -> None:
    first, second = map(Path, run_shards(fleet))
    whole = second.read_text()
    second.write_text(whole[: whole.index('{"begun": "a4"}')])
    code, out, _ = merge(fleet, str(first), str(second))
    assert code == 1
    assert "  skipped     a4 (linux, 0 execs)\n      not begun: the run ended before" in out
    assert "shard 2/2 has not ended, or was killed" in out
    second.write_text(whole[: whole.index('{"site": {"name": "a4"')])
    _, out, _ = merge(fleet, str(first), str(second))
    assert "      the run ended before this site did; its state is not known\n" in out


def test_a_shard_that_was_retried_is_merged_with_the_others(fleet: Fleet) -> None:
    fleet.faults["a3"] = "refused"
    first, second = run_shards(fleet)
    fleet.faults.clear()
    fleet("apply", "-y", "--resume", first)
    code, out, _ = merge(fleet, str(fleet.runs[-1]), second)
    assert (code, out.splitlines()[-1]) == (0, "5 sites, 5 targets: changed=5 changes=0")


def test_one_run_that_is_no_shard_is_printed_as_it_is(fleet: Fleet) -> None:
    fleet("apply", "-y")
    assert merge(fleet, str(fleet.runs[0]))[0] == 0


def test_an_end_with_an_exit_code_that_no_run_has_is_no_success(fleet: Fleet) -> None:
    fleet("apply", "-y")
    (path,) = fleet.runs
    path.write_text(path.read_text().replace('"exit_code": 0', '"exit_code": 99'))
    code, out, err = merge(fleet, str(path))
    assert (code, out) == (3, "")
    assert f"{path} is damaged at line" in err


def test_files_that_do_not_belong_together_are_refused(fleet: Fleet) -> None:
    first, second = run_shards(fleet)
    third, *_ = run_shards(fleet, "plan")
    fleet("apply", "-y")
    whole = str(fleet.runs[-1])
    fleet("apply", "-y", "--shard", "3/3")
    of_three = str(fleet.runs[-1])
    fleet("apply", "-y", "--shard", "2/2", "-l", "all:!z1")
    limited = str(fleet.runs[-1])
    for paths, words in (
        ((first,), f"{first} is from shard 1/2; the file of shard 2 is missing"),
        ((first, first), "is from shard 1/2, and so is another file"),
        ((first, third), "is from plan, but"),
        ((first, whole), "is not from a shard, so it cannot be merged with other files"),
        ((first, of_three), "is from shard 3/3, but"),
        ((first, limited), "chose from different sites: the inventory or -l differed"),
        ((first, "/nonexistent"), "/nonexistent cannot be read"),
    ):
        code, out, err = merge(fleet, *paths)
        assert (code, out) == (3, "")
        assert words in err
    assert merge(fleet)[0] == 3
    Path(second).write_text(Path(second).read_text().replace('"a2"', '"z1"'))
    assert "has site z1, and so has another file" in merge(fleet, first, second)[2]
