"""Codes that work once are requested on the main thread, and their connections stay open."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from provision.engine import parallel
from provision.errors import Unreachable
from provision.ssh.login import Login
from provision.ssh.prompts import Codes

FW1 = Login("fw1", "192.0.2.1", "admin", password="hunter2-hunter2")
FW2 = Login("fw2", "192.0.2.2", "admin", password="hunter2-hunter2")


class Connection:
    def __init__(self) -> None:
        self.open, self.closed = True, 0

    def is_open(self) -> bool:
        return self.open

    def close(self) -> None:
        self.closed += 1


def asked(codes: Codes, login: Login, code: str = "123456") -> str:
    """Ask as a worker does, and answer as the main thread does."""
    with ThreadPoolExecutor(1) as pool:
        wanted = pool.submit(codes.ask, login, "Token Code:")
        while not wanted.done():
            for question in codes.take_questions():
                assert (question.login, question.prompt) == (login, "Token Code:")
                question.answer(code)
        return wanted.result()


def test_a_worker_gets_the_code_that_the_main_thread_reads() -> None:
    with Codes() as codes:
        assert asked(codes, FW1) == "123456"
        assert asked(codes, FW2, "") == ""


def test_questions_of_many_sites_are_answered_one_by_one_on_the_main_thread() -> None:
    codes, threads = Codes(), set[str]()

    def meanwhile() -> None:
        for question in codes.take_questions():
            threads.add(threading.current_thread().name)
            question.answer(question.login.host)

    logins = [Login(f"fw{number}", "192.0.2.1", "admin") for number in range(10)]
    found = parallel.run_all(logins, lambda each: codes.ask(each, "?"), 4, meanwhile=meanwhile)
    assert found == [each.host for each in logins]
    assert threads == {threading.main_thread().name}


def test_a_connection_that_took_a_code_is_kept_and_taken_once() -> None:
    with Codes() as codes:
        asked(codes, FW1)
        connection = Connection()
        codes.give_back(FW1, connection)
        assert codes.take_connection(FW2) is None
        assert codes.take_connection(FW1) is connection
        assert codes.take_connection(FW1) is None
        assert connection.closed == 0


def test_a_connection_without_a_code_is_closed_when_it_is_given_back() -> None:
    with Codes() as codes:
        connection = Connection()
        codes.give_back(FW1, connection)
        assert connection.closed == 1
        assert codes.take_connection(FW1) is None


def test_a_connection_that_ended_is_not_taken_again() -> None:
    with Codes() as codes:
        asked(codes, FW1)
        connection = Connection()
        codes.give_back(FW1, connection)
        connection.open = False
        assert codes.take_connection(FW1) is None
        assert connection.closed == 1


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, RuntimeError])
def test_kept_connections_are_closed_when_the_run_ends(error: type[BaseException] | None) -> None:
    codes, connection = Codes(), Connection()

    def run() -> None:
        with codes:
            asked(codes, FW1)
            codes.give_back(FW1, connection)
            if error:
                raise error

    if error:
        with pytest.raises(error):
            run()
    else:
        run()
    assert connection.closed == 1
    late = Connection()
    codes.give_back(FW1, late)
    assert late.closed == 1


def test_no_worker_waits_for_a_code_after_the_run_is_stopped() -> None:
    codes = Codes()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(codes.ask, each, "?") for each in (FW1, FW2)]
        while True:
            codes.stop()
            if all(each.done() for each in waiting):
                break
    for each, login in zip(waiting, (FW1, FW2), strict=True):
        with pytest.raises(
            Unreachable, match=f"{login.host} .* asks for a code, and none was typed"
        ):
            each.result()
    with pytest.raises(Unreachable, match="none was typed"):
        codes.ask(FW1, "?")


def test_ctrl_c_at_a_question_ends_the_run_and_leaves_no_worker_waiting() -> None:
    codes = Codes()

    def meanwhile() -> None:
        for question in codes.take_questions():
            question.refuse()
            raise KeyboardInterrupt

    def work(login: Login) -> Any:
        try:
            return codes.ask(login, "?")
        except Unreachable as error:
            return error

    with pytest.raises(parallel.Interrupted) as stop:
        parallel.run_all([FW1, FW2], work, 2, codes.stop, meanwhile=meanwhile)
    assert len(stop.value.finished) == 2
    assert all(isinstance(each, Unreachable) for each in stop.value.finished)
