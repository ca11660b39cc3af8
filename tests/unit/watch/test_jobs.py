"""Jobs repeat whatever happens to one of them, and what they found is written until that succeeds."""

from __future__ import annotations

import logging

import pytest
from watch import ignored, jobs
from watch.jobs import Job, Part


class Enough(BaseException):
    """The test has seen enough."""


def repeat(job: Job, times: int) -> list[float]:
    """Do a job this many times, and return how long it paused."""
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == times:
            raise Enough

    with pytest.raises(Enough):
        jobs.repeat(job, sleep)
    return pauses


def test_a_job_that_fails_is_logged_and_done_again(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        raise RuntimeError("no such thing")

    assert repeat(Job("look up example.com", work, 60.0), 3) == [60.0] * 3
    assert len(calls) == 3
    assert "look up example.com failed" in caplog.text
    assert "no such thing" in caplog.text


def test_a_part_that_cannot_write_keeps_no_other_from_it(caplog: pytest.LogCaptureFixture) -> None:
    written = []

    def fail() -> None:
        raise OSError("no room")

    with caplog.at_level(logging.ERROR):
        jobs.write([Part([], fail), Part([], lambda: written.append(1))])
    assert written == [1]
    assert "no room" in caplog.text


def test_names_are_looked_up_more_often_than_lists(tmp_path: object) -> None:
    part = ignored.build_part(["office.example.com", "https://example.com/list"], str(tmp_path))
    assert [job.pause for job in part.jobs] == [60.0, 600.0]
