"""What scripts rely on: the exit codes, and the form of the JSON document."""

from __future__ import annotations

import json

import pytest

from provision.plan import Change, State
from provision.results import Exit, SiteResult, TargetResult, build_document, exit_code

LINUX = TargetResult(
    "bh1", "linux", "changed", execs=2, changes=(Change("file:/a", "update", "-x\n+y"),)
)
FORTIOS = TargetResult("fw1", "fortios", "failed", exchanges=3, error="refused")


def sites(*states: State) -> list[SiteResult]:
    """Each target at a site of its own."""
    return [SiteResult(s, (TargetResult("h", "linux", s),)) for s in states]


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([], 0),
        (["ok"], 0),
        (["ok", "changed"], 0),
        (["ok", "skipped"], 0),
        (["ok", "differs"], 2),
        (["unreachable", "ok"], 4),
        (["differs", "unreachable"], 4),
        (["failed", "ok"], 1),
        (["unreachable", "failed", "differs"], 1),
        (["failed", "skipped"], 1),
    ],
)
def test_the_exit_code_says_the_worst_that_happened(states: list[State], code: int) -> None:
    assert exit_code(sites(*states)) == code


def test_the_codes_are_the_documented_numbers() -> None:
    assert {code.name: int(code) for code in Exit} == {
        "OK": 0,
        "FAILED": 1,
        "DIFFERS": 2,
        "USAGE": 3,
        "UNREACHABLE": 4,
        "HUNG_UP": 129,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


def test_the_document_has_the_promised_keys_and_values() -> None:
    found = build_document("apply", Exit.FAILED, [SiteResult("bh1", (LINUX, FORTIOS))])

    assert (found["verb"], found["exit_code"]) == ("apply", 1)
    (site,) = found["sites"]
    assert site["name"] == "bh1"
    linux, fortios = site["targets"]
    promised = {
        "host": "bh1",
        "kind": "linux",
        "state": "changed",
        "execs": 2,
        "exchanges": 0,
        "error": None,
    }
    assert promised.items() <= linux.items()
    (change,) = linux["changes"]
    assert {"id": "file:/a", "action": "update", "diff": "-x\n+y"}.items() <= change.items()
    promised = {"host": "fw1", "kind": "fortios", "state": "failed", "exchanges": 3}
    assert {**promised, "error": "refused", "changes": []}.items() <= fortios.items()


def test_what_a_target_answers_stands_beside_the_own_keys_and_never_in_place_of_one() -> None:
    own = {"kind": "linux", "host": "bh1", "state": "failed", "error": "refused", "notes": ["a"]}
    lie = {**dict.fromkeys(own, "fortios"), "changes": [], "execs": 7, "exchanges": 7, "until": 5}
    target = TargetResult(
        "bh1",
        "linux",
        "failed",
        1,
        error="refused",
        notes=("a",),
        changes=LINUX.changes,
        details=lie,
    )
    (site,) = build_document("ban", Exit.FAILED, [SiteResult("bh1", (target,))])["sites"]
    (shown,) = site["targets"]
    assert {**own, "execs": 1, "exchanges": 0, "until": 5}.items() <= shown.items()
    assert len(shown["changes"]) == 1


def test_the_document_survives_json_unchanged() -> None:
    found = build_document("plan", Exit.OK, [SiteResult("bh1", (LINUX, FORTIOS))])
    assert json.loads(json.dumps(found)) == found
