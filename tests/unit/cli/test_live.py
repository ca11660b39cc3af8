"""The live display: readable with a thousand sites, and never taller than the terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from provision.cli.fleet.live import draw_progress
from provision.cli.fleet.tally import Row, Tally
from provision.cli.report.console import COLOURS, Report
from provision.masking import Secrets
from provision.plan import State
from provision.results import SiteResult, TargetResult
from tests.unit.cli.command_line import Terminal
from tests.unit.cli.fleet import Fleet


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def draw(tally: Tally, width: int = 80, height: int = 24) -> list[str]:
    """Return the lines on a terminal of this size."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, height=height, color_system=None)
    console.print(draw_progress(tally.look(), COLOURS, width, height))
    return stream.getvalue().splitlines()


def work(tally: Tally, name: str, *states: State, error: str = "") -> None:
    """Let a site begin, and end with these states if there are any."""
    tally.note(Row(name, name, "observing"))
    tally.note(Row(name, f"fw-{name}", "changing"))
    if states:
        tally.note(Row(name, name, states[0], states[0]))
        tally.end_site(name, states, error)


def fill(total: int, ended: int, at_work: int, failed: int) -> Tally:
    """Return a run at so many sites."""
    clock = Clock()
    tally = Tally(clock)
    tally.start(total)
    for number in range(ended):
        is_failed = number < failed
        state: State = "failed" if is_failed else "ok"
        work(tally, f"site{number:04}", state, error="no route to host" if is_failed else "")
    for number in range(ended, ended + at_work):
        work(tally, f"site{number:04}")
    clock.now += 60
    return tally


def test_a_thousand_sites_are_counted_with_their_speed_and_the_time_left() -> None:
    lines = draw(fill(1000, 40, 5, 2))
    assert lines[0] == ("40 of 1000 sites, 5 at work, 955 waiting; 40 a minute, about 24 min left")
    assert lines[1].strip() == "ok=38 failed=2"
    assert "site0040  site0040     observing" in lines
    assert "site0040  fw-site0040  changing" in lines
    assert "site0001  no route to host" in lines


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (3, "3 a minute"),
        (90, "1.5 a second"),
        (500, "about 60 s left"),
        (1, "about 16 h 39 min left"),
    ],
)
def test_speed_and_time_have_units_that_fit(ended: int, words: str) -> None:
    assert words in draw(fill(1000, ended, 0, 0))[0]


def test_before_the_first_has_ended_nobody_knows_how_long_it_takes() -> None:
    assert draw(fill(1000, 0, 5, 0))[0] == "0 of 1000 sites, 5 at work, 995 waiting"


def test_a_site_counts_once_with_the_worst_of_its_targets() -> None:
    tally = Tally()
    tally.start(4)
    work(tally, "a", "changed", "ok")
    work(tally, "b", "changed", "unreachable", error="no route")
    work(tally, "c", "ok", "skipped")
    now = tally.look()
    assert now.counts == {"changed": 1, "unreachable": 1, "skipped": 1}
    assert (now.done, now.at_work, now.waiting) == (3, 0, 1)


def test_a_single_site_has_no_counters() -> None:
    tally = Tally()
    tally.start(1)
    work(tally, "bh1")
    assert draw(tally) == ["bh1  bh1     observing", "bh1  fw-bh1  changing"]


def test_what_is_at_work_leaves_room_for_what_has_failed() -> None:
    lines = draw(fill(1000, 30, 100, 12))
    assert len(lines) <= 23
    assert sum("no route to host" in line for line in lines) >= 5
    assert [line for line in lines if line.startswith("... and ")] == [
        "... and 187 more",
        "... and 6 more",
    ]


@given(
    st.integers(0, 130),
    st.integers(0, 130),
    st.integers(0, 130),
    st.integers(20, 200),
    st.integers(3, 60),
)
def test_it_is_never_larger_than_the_terminal(
    ended: int, at_work: int, failed: int, width: int, height: int
) -> None:
    lines = draw(fill(1000, ended, at_work, failed), width, height)
    assert len(lines) <= height - 1
    assert all(cell_len(line) <= width for line in lines)


def test_its_memory_does_not_grow_with_the_sites() -> None:
    small, large = (fill(5000, number, 0, number // 2).look() for number in (400, 4000))
    assert len(small.failed) == len(large.failed)
    assert len(small.ended) == len(large.ended)
    assert large.counts == {"failed": 2000, "ok": 2000}


def test_control_characters_of_a_target_do_not_reach_the_terminal() -> None:
    stream = Terminal()
    with Report(Secrets(), stream, live=True, verbose=0) as report:
        report.expect_sites(2)
        failed = TargetResult("bh1", "linux", "failed", error="\x1b]0;title\x07 and\nmore")
        report.report_activity("bh1", "bh1", "observing")
        report.report_site(SiteResult("bh1", (failed,)))
    assert "\x07" not in stream.getvalue()
    assert "title" in stream.getvalue()


def test_a_run_of_the_command_line_counts_its_sites(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    end_site = Tally.end_site

    def count(tally: Tally, *rest: object) -> None:
        end_site(tally, *rest)  # type: ignore[arg-type]
        counted.append(tally.look().waiting)

    monkeypatch.setattr(Tally, "end_site", count)
    fleet("apply", "-y", "--waves", "1,100%")
    assert counted == [4, 3, 2, 1, 0] * 2  # the plans, then the changes
