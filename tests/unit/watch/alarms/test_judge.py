"""An alarm is reported once, again when it is worse, and at its end; an unsteady one is one alarm."""

from __future__ import annotations

from collections.abc import Sequence

from watch.alarms.conditions import Condition
from watch.alarms.judge import Active, Message, judge

WARNING = Condition("disk:/x", "warning", "9 % is free")
WORSE = Condition("disk:/x", "critical", "2 % is free", 1)
LOGIN = Condition("login:1:a", "critical", "bob logged in", once=True)


def run(*looks: tuple[float, Sequence[Condition]], unknown: str = "") -> list[Message]:
    """Return the messages of some looks."""
    state: dict[str, Active] = {}
    found: list[Message] = []
    for at, conditions in looks:
        state, messages = judge(state, conditions, [unknown], at)
        found += messages
    return found


def test_a_condition_is_reported_when_it_begins_and_when_it_ends() -> None:
    looks = [(at, [WARNING]) for at in (100.0, 105.0, 110.0)]
    begin, end = run(*looks, (115, []), (140, []), (145, []))
    assert (begin.at, begin.is_over, begin.text) == (100, False, "9 % is free")
    assert (end.at, end.is_over, end.lasted) == (140, True, 10)


def test_one_that_comes_and_goes_is_one_alarm() -> None:
    assert len(run((100, [WARNING]), (105, []), (110, [WARNING]), (115, []))) == 1


def test_one_that_becomes_worse_is_reported_again_and_one_that_improves_is_not() -> None:
    found = run((100, [WARNING]), (105, [WORSE]), (110, [WARNING]), (115, [WORSE]))
    assert [each.severity for each in found] == ["warning", "critical"]


def test_what_happened_once_has_no_end() -> None:
    assert [each.is_over for each in run((100, [LOGIN]), (200, []), (300, []))] == [False]


def test_what_is_not_known_neither_ends_nor_begins_anew() -> None:
    looks = [(100.0, [WARNING]), (200.0, []), (300.0, [WARNING])]
    assert len(run(*looks, unknown="disk")) == 1
    assert len(run(*looks)) == 3


def test_a_clock_that_is_set_back_keeps_no_alarm_for_ever() -> None:
    assert run((1000, [WARNING]), (10, []))[-1].is_over
