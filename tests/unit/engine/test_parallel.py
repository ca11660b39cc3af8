"""Many sites at once: results in order, never more at work than allowed, and a clean stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from provision.engine import parallel
from tests import PROJECT

# Seconds after which a test that hangs has failed.
PATIENCE = 30
WORK = ["at hand", "later", "much later"]


@pytest.fixture(autouse=True)
def heard_interrupts() -> Iterator[None]:
    """A shell that puts the whole run into the background has it ignore SIGINT; not these tests."""
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, inherited)


def test_results_come_in_the_order_of_the_work_whoever_finishes_first() -> None:
    second_is_done = threading.Event()

    def do(name: str) -> str:
        if name == "first":
            assert second_is_done.wait(PATIENCE)
        else:
            second_is_done.set()
        return name.upper()

    assert parallel.run_all(["first", "second"], do, forks=2) == ["FIRST", "SECOND"]


def test_no_work_gives_no_results() -> None:
    assert parallel.run_all([], str, forks=5) == []


def test_as_many_as_forks_are_at_work_at_once_and_never_more() -> None:
    together = threading.Barrier(3)
    lock = threading.Lock()
    at_work, most = 0, 0

    def do(_: int) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        together.wait(PATIENCE)  # passes only when three are at work
        with lock:
            at_work -= 1

    parallel.run_all(range(9), do, forks=3)

    assert most == 3


def test_an_interrupt_lets_the_work_at_hand_finish_and_begins_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[str] = []
    finished: list[str] = []
    waiting, stopped = threading.Event(), threading.Event()
    shutdown = ThreadPoolExecutor.shutdown

    def telling(pool: ThreadPoolExecutor, **how: bool) -> None:
        shutdown(pool, **how)
        stopped.set()

    def do(name: str) -> None:
        begun.append(name)
        assert waiting.wait(PATIENCE)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        assert stopped.wait(PATIENCE)
        finished.append(name)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", telling)
    with pytest.raises(parallel.Interrupted) as stop:
        parallel.run_all(WORK, do, forks=1, meanwhile=waiting.set)
    assert len(stop.value.finished) == 1

    assert begun == finished == ["at hand"]


def test_whoever_presses_ctrl_c_again_and_again_still_gets_what_was_begun_finished() -> None:
    waiting, told = threading.Event(), threading.Event()
    main = threading.main_thread().ident or 0

    def do(name: str) -> str:
        assert waiting.wait(PATIENCE)
        signal.pthread_kill(main, signal.SIGINT)
        assert told.wait(PATIENCE)
        for again in (*parallel.SIGNALS, *parallel.SIGNALS):
            signal.pthread_kill(main, again)
        return name.upper()

    with pytest.raises(parallel.Interrupted) as stop:
        parallel.run_all(
            ["at hand", "never begun"], do, 1, stopping=told.set, meanwhile=waiting.set
        )

    assert stop.value.finished == ("AT HAND",)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_is_heard_though_work_ends_all_the_time_and_what_its_handler_sets_stays() -> None:
    begun = threading.Semaphore(0)

    def interrupt(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    def do(number: int) -> None:
        if number == 10:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        begun.release()

    def meanwhile() -> None:
        begun.acquire(timeout=PATIENCE)

    inherited = signal.signal(signal.SIGTERM, interrupt)
    try:
        with pytest.raises(parallel.Interrupted) as stop:
            parallel.run_all(range(100_000), do, forks=1, meanwhile=meanwhile)
        assert 10 < len(stop.value.finished) < 100_000
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, inherited)


def test_ctrl_c_at_whatever_moment_ends_the_run() -> None:
    argv = [sys.executable, "-m", "tests.unit.engine.stop_anywhere"]
    ran = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout) == (0, "stopped at each moment\n"), ran.stderr


def test_an_exception_that_nobody_foresaw_is_the_result_of_that_one_only() -> None:
    def do(number: int) -> str:
        if number == 2:
            raise KeyError("a fault")
        return "done"

    def failed(number: int, error: Exception) -> str:
        return f"{number}: {type(error).__name__}"

    assert parallel.run_all(range(4), do, forks=2, failed=failed) == [
        "done",
        "done",
        "2: KeyError",
        "done",
    ]


def test_one_that_fails_does_not_keep_others_from_their_work() -> None:
    finished: list[int] = []

    def do(number: int) -> None:
        if number == 0:
            raise RuntimeError("a fault")
        finished.append(number)

    with pytest.raises(RuntimeError):
        parallel.run_all(range(5), do, forks=2)

    assert sorted(finished) == [1, 2, 3, 4]
