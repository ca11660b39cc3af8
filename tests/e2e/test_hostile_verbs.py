"""Every verb that connects to a hostile FortiGate ends, reports the other site, and types what it may."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.hostile_output import (
    ABSURD,
    ENDLESS,
    ESCAPES,
    STUBBORN,
    replace_objects,
    rewrite_after_login,
)
from tests.e2e.hostile_world import (
    VERBS,
    Rewrite,
    World,
    check_steers_nothing,
    check_typed,
    opened,
)
from tests.fortigate_bounds import set_bounds

# One of each way to misbehave. test_hostile_fortigate.py tries all of them, with the verbs that look.
CASES: dict[str, Rewrite] = {
    "endless lines": ENDLESS["lines"],
    "endless questions": ENDLESS["questions"],
    "stubborn question": STUBBORN["question"],
    "stubborn quote": STUBBORN["quote"],
    "absurd escapes": replace_objects(ABSURD["escapes"]),
    "absurd key of two lines": replace_objects(ABSURD["key of two lines"]),
}
# Keys that answer what the FortiGate of a case asks.
ANSWERS = {"endless questions": "n", "stubborn question": "n"}


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the limits small enough for tests; an honest FortiGate of the lab keeps them."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    set_bounds(
        monkeypatch,
        silence=1.5,
        exchange=3.0,
        longest=1 << 19,
        line_longest=1 << 16,
    )


@pytest.fixture
def world(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    with opened(tmp_path / "inventory", capsys) as made:
        yield made
        # connections that end later must not log to the captured stream of this test
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("kind", CASES)
def test_a_hostile_fortigate_fails_alone(world: World, kind: str, verb: str) -> None:
    if VERBS[verb]:
        world.deploy()
    world.evil.faults.rewrite = rewrite_after_login(CASES[kind])
    found = world.targets(verb)
    assert found["fw-evil"]["error"]
    assert len(found["fw-evil"]["error"]) < 4000
    assert found["fw-good"]["error"] is None
    check_typed(world.evil, ANSWERS.get(kind, ""))


@pytest.mark.parametrize(
    ("kind", "after"),
    [("lines", 1), ("lines", 7), ("prompts", 7), ("questions", 1), ("quote", 7), ("silent", 7)],
)
def test_a_fortigate_that_turns_hostile_during_apply_gets_only_planned_lines(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, after: int
) -> None:
    with opened(tmp_path / "twin", capsys) as twin:
        plan = {line.text.strip() for line in twin.deploy()}
    rewrite = {**ENDLESS, **STUBBORN}[kind]
    world.evil.faults.rewrite = lambda said: (
        rewrite(said) if len(world.evil.journal.changing()) >= after else (said,)
    )
    found = world.targets("apply -y")
    assert found["fw-evil"]["error"]
    assert found["fw-good"]["error"] is None
    check_typed(world.evil, "n" if "question" in kind else "", plan)


PLACES: dict[str, Rewrite] = {
    "refusals": lambda said: (said[:-12] + b"Command fail. " + ESCAPES + b"\r\n" + said[-12:],),
    "answers": replace_objects(b"config " + ESCAPES + b"\r\nend\r\n"),
    "words": replace_objects(b"config vpn ssl settings\r\nset " + ESCAPES + b" 1\r\nend\r\n"),
    "everything": lambda said: (ESCAPES + said + ESCAPES,),
    "prompts": lambda said: (said + ESCAPES + b"# ",),
    "lines": lambda said: (said.replace(b"\r\n", ESCAPES + b"\r\n"),),
}


@pytest.mark.parametrize(
    ("verb", "more"),
    [("plan", ("-vvv", "--diff")), ("apply -y", ("-vvv", "--json")), ("status", ("-vvv",))],
)
@pytest.mark.parametrize("place", [*PLACES, "before the login", "in a push"])
def test_output_of_a_fortigate_cannot_control_the_terminal(
    world: World, place: str, verb: str, more: tuple[str, ...]
) -> None:
    rewrite = PLACES.get(place, PLACES["everything"])
    if place == "in a push":
        world.evil.faults.rewrite = lambda said: (
            PLACES["refusals"](said) if world.evil.journal.changing() else (said,)
        )
    else:
        world.evil.faults.rewrite = (
            rewrite if place == "before the login" else rewrite_after_login(rewrite)
        )
    out, err = world.run(verb, *more)
    assert "fw-evil" in out + err
    check_steers_nothing(out)
    check_steers_nothing(err)
