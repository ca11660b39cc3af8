"""A ban host that was taken over answers lies and tricks: its own site fails, and nothing else happens.

Two sites: `evil1` answers what the test wants, `good1` is well. To add a case for all verbs, add it to
SPOILT. A case about a FortiGate's record needs a FortiGate, too: see the simulator.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.fake_ban_host import (
    MARK,
    Reply,
    Request,
    line,
)
from tests.e2e.hostile_hosts import (
    ESCAPES,
    SECRET,
    VERBS,
    Open,
    Spoil,
    World,
    check_harmless,
    reply_changed,
    reply_raw,
)


def reply_without_a_field(answer: dict[str, Any]) -> Reply:
    return Reply(MARK + json.dumps({"ok": True, **dict(list(answer.items())[1:])}).encode())


def reply_twice(answer: dict[str, Any]) -> Reply:
    """Reply with every field twice."""
    text = json.dumps({"ok": True, **answer})
    return Reply(MARK + f"{text[:-1]}, {text[1:]}".encode())


SPOILT: dict[str, Spoil] = {
    "no JSON": reply_raw(f'{{"ok": true, "verify": "{SECRET}"{ESCAPES}'),
    "an array": reply_raw(f'["{SECRET}"]'),
    "a text": reply_raw(f'"{SECRET}"'),
    "nothing": reply_raw(""),
    "ok is 1": reply_raw('{"ok": 1}'),
    "ok is missing": reply_raw(f'{{"changed": "{SECRET}"}}'),
    "deeply nested": reply_raw('{"ok": true, "x": ' + "[" * 200_000),
    "deeply nested and whole": reply_raw('{"ok": true, "x": ' + "[" * 900 + "]" * 900 + "}"),
    "a number without end": reply_raw('{"ok": true, "changed": ' + "9" * 50_000 + "}"),
    "no number": reply_raw('{"ok": true, "changed": NaN}'),
    "infinity": reply_raw('{"ok": true, "changed": 1e999}'),
    "half a character": reply_raw('{"ok": true, "changed": "\\ud800"}'),
    "no UTF-8": reply_raw(b'{"ok": true, "changed": "\xff\xfe"}'),
    "UTF-16": reply_raw('{"ok": true}'.encode("utf-16")),
    "a field more": reply_changed(evil=SECRET),
    "own keys of the document": reply_changed(host="good1", kind="fortios", state="ok", error=None),
    "every field twice": reply_twice,
    "a field less": lambda answer: (
        reply_without_a_field(answer) if answer else reply_raw("{}")(answer)
    ),
    "an error that is none": reply_raw(f'{{"ok": false, "error": ["{SECRET}"]}}'),
    "an error without end": reply_raw('{"ok": false, "error": "' + "x" * 100_000 + '"}'),
    "on standard error": lambda answer: Reply(b"", line({**answer, "verify": SECRET})),
    "cut off on standard error": lambda _: Reply(b"", f'"verify": "{SECRET}", {ESCAPES}'.encode()),
    "no answer at all": lambda _: Reply(f"{ESCAPES} {SECRET}".encode(), status=1),
    "killed": lambda _: Reply(status=137),
}


def test_the_sites_of_these_tests_work_when_nothing_is_hostile(world: World) -> None:
    for words, state in VERBS.items():
        said = world.run(words, "--json")
        assert {said.target(host)["state"] for host in world.hosts} == {state}, (words, said.out)


def reply_spoilt(world: World, name: str, spoil: Spoil) -> Callable[[Request], Reply]:
    return lambda request: spoil(world.honestly(request, name))


@pytest.mark.parametrize("words", VERBS)
def test_invalid_answers_fail_only_the_site_they_come_from(opened: Open, words: str) -> None:
    evil = {f"evil{number}": case for number, case in enumerate(SPOILT)}
    world = opened(*evil, "good1")
    for name, case in evil.items():
        world.hosts[name].reply = reply_spoilt(world, name, SPOILT[case])

    said = world.run(words, "--json", "-vvv")

    assert said.code == 1
    assert said.target("good1")["state"] == VERBS[words]
    for name, case in evil.items():
        target = said.target(name)
        assert (target["kind"], target["state"]) == ("linux", "failed"), case
        assert target["error"], case
    check_harmless(said)


@pytest.mark.parametrize("words", VERBS)
def test_each_verb_reports_the_working_site_and_why_the_other_failed(
    world: World, words: str
) -> None:
    world.evil.reply = lambda request: SPOILT["a field more"](world.honestly(request))
    said = world.run(words)
    assert said.code == 1
    assert "the answer of this ban host is refused: it must have no other fields" in said.out
    check_harmless(said)


NAMES = {
    "an object outside of our folders": {"id": "file:/etc/shadow", "restores": True, "data": False},
    "an object behind dots": {
        "id": "file:/etc/banstitch/../shadow",
        "restores": True,
        "data": False,
    },
    "a kind that is none": {"id": "system admin:evil", "restores": True, "data": False},
    "a name with line ends": {
        "id": "file:/etc/banstitch/a\nb",
        "restores": False,
        "data": False,
    },
    "a user that is none": {"id": "user:root\x1b", "restores": False, "data": False},
}


@pytest.mark.parametrize("case", NAMES)
@pytest.mark.parametrize("words", ["plan", "apply -y", "teardown -y", "verify", "status"])
def test_an_object_that_cannot_be_ours_is_refused(world: World, words: str, case: str) -> None:
    def spoilt(request: Request) -> Reply:
        answer = world.honestly(request)
        observed = answer.get("observed", answer)
        if observed.get("manifest"):
            observed["manifest"]["objects"].append(NAMES[case])
        return Reply(line(answer))

    world.evil.reply = spoilt
    said = world.run(words, "--json")
    assert "manifest.objects[...].id must be a name" in said.target("evil1")["error"]
    assert said.target("good1")["state"] == VERBS[words]
    check_harmless(said)


METRICS = [
    'banstitch_bans{jail="x"} many',
    'banstitch_bans{jail="banstitch-x"} NaN\nbanstitch_up Infinity',
    "banstitch_bans 5\nbanstitch_refused_total{} 3",
    'banstitch_refused_total{why="\x1b[2J"} 3',
    f'banstitch_refused_total{{why="{"a" * 900_000}"}} 3',
    "banstitch_up " + "9" * 900_000,
    "banstitch_up{" + 'a="' * 300_000,
    "\n" * 900_000,
    "a" * 900_000,
    "banstitch_bans{" + "a" * 400 + "} 1\n" * 1000,
    "<html>\x00\x1b]0;OWNED\x07</html>",
]


@pytest.mark.parametrize("metrics", METRICS, ids=range(len(METRICS)))
def test_invalid_receiver_counters_are_shown_as_unknown(world: World, metrics: str) -> None:
    def spoilt(request: Request) -> Reply:
        answer = world.honestly(request)
        return Reply(line({**answer, "metrics": metrics} if "metrics" in answer else answer))

    world.evil.reply = spoilt
    said = world.run("status")
    assert said.code == 0
    rows = {row.split()[1]: row.split() for row in said.out.splitlines()[1:3]}
    assert rows["evil1"][4] == "?"
    assert rows["good1"][4] == "up"
    check_harmless(said)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)
HOW = st.sampled_from(["other", "gone", "renamed"])


def mutate(
    answer: dict[str, Any], path: Sequence[int], how: str, name: str, value: Any
) -> dict[str, Any]:
    """Return ``answer`` with one value in it that is another, renamed or gone; ``path`` leads to it."""
    where: Any = answer
    for number in path:
        keys = list(where) if isinstance(where, dict) else list(range(len(where)))
        if not keys:
            return answer
        key = keys[number % len(keys)]
        if number != path[-1] and isinstance(where[key], dict | list) and where[key]:
            where = where[key]
            continue
        old = where.pop(key)
        new = value if how == "other" else old
        if how != "gone" and isinstance(where, dict):
            where[name if how == "renamed" else key] = new
        elif how != "gone":
            where.insert(key, new)
        break
    return answer


@pytest.mark.parametrize("words", VERBS)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    path=st.lists(st.integers(0, 60), min_size=1, max_size=5),
    how=HOW,
    name=st.text(max_size=10),
    value=JSON,
)
def test_whatever_a_host_answers_only_our_own_errors_appear_and_the_other_site_is_reported(
    world: World, words: str, path: list[int], how: str, name: str, value: Any
) -> None:
    world.evil.reply = lambda request: Reply(
        line(mutate(world.honestly(request), path, how, name, value))
    )
    said = world.run(words, "--json")
    assert said.target("good1")["state"] == VERBS[words]
    assert said.target("evil1")["kind"] == "linux"
    assert "Traceback" not in said.out + said.err
    assert "error in Banstitch" not in said.out + said.err
