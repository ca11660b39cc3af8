"""Connections that took a code stay open from plan to apply, unless the FortiGate closes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provision.linux.session.session import BanHostSession
from provision.ssh.connection import Access
from provision.ssh.login import Login
from provision.ssh.prompts import Codes
from tests.e2e.memory_site import MemorySite
from tests.lab.stopwatch import within
from tests.simulator import Options, Simulator
from tests.unit.ssh.ssh_server import Rules, ssh_server

pytestmark = pytest.mark.usefixtures("settled_at_once")

FIRST, SECOND = "111111", "222222"


@contextmanager
def typing(*answers: str) -> Iterator[Codes]:
    """Codes that somebody answers in this order."""
    over, left = threading.Event(), list(answers)

    def answer() -> None:
        while not over.wait(0.02):
            for question in codes.take_questions():
                question.answer(left.pop(0))

    thread = threading.Thread(target=answer)
    with Codes() as codes:
        thread.start()
        try:
            yield codes
        finally:
            over.set()
            thread.join()


def sessions(unit: Simulator) -> set[int]:
    return {line.session for line in unit.journal}


def test_plan_and_apply_are_one_session_that_took_one_code(tmp_path: Path) -> None:
    with Simulator(Options(codes=(FIRST, SECOND))) as unit, typing(FIRST, SECOND) as codes:
        site = MemorySite(tmp_path, unit)
        site.codes = codes
        job = site.job("apply")
        planned = site.look(job)
        applied = site.carry_out(job, planned)
        assert (applied.state, applied.error) == ("changed", "")
        assert unit.tokens.tried == [FIRST]
        assert len(sessions(unit)) == 1
        assert site.plan().state == "ok"
        assert unit.tokens.tried == [FIRST]


def test_exchanges_are_counted_for_each_use_of_a_kept_session(tmp_path: Path) -> None:
    with Simulator(Options(codes=(FIRST,))) as unit, typing(FIRST) as codes:
        site = MemorySite(tmp_path, unit)
        site.codes = codes
        assert site.plan().exchanges == site.plan().exchanges > 0


def test_a_session_that_timed_out_is_opened_again_with_another_code(
    tmp_path: Path,
) -> None:
    options = Options(codes=(FIRST, SECOND), idle_timeout=1.0)
    with Simulator(options) as unit, typing(FIRST, SECOND) as codes:
        site = MemorySite(tmp_path, unit)
        site.codes = codes
        job = site.job("apply")
        planned = site.look(job)
        assert within(20, lambda: not unit.sessions)
        applied = site.carry_out(job, planned)
        assert (applied.state, applied.error) == ("changed", "")
        assert unit.tokens.tried == [FIRST, SECOND]


def test_the_session_is_closed_when_the_run_ends(tmp_path: Path) -> None:
    with Simulator(Options(codes=(FIRST,))) as unit:
        with typing(FIRST) as codes:
            site = MemorySite(tmp_path, unit)
            site.codes = codes
            site.plan()
            assert unit.sessions == 1
        assert within(20, lambda: not unit.sessions)


def test_a_ban_host_is_entered_once_for_many_questions(tmp_path: Path) -> None:
    rules = Rules(
        steps=(("keyboard-interactive",),),
        rounds=((("Password: ", False),), (("Verification code: ", False),)),
        answers=("right-password", FIRST),
    )
    access = Access(tmp_path / "known_hosts", accept_new=True)
    with ssh_server(rules) as (port, seen), typing(FIRST) as access.codes:
        login = Login("bh1", "127.0.0.1", "joe", port, password="right-password")
        for _ in range(3):
            with BanHostSession(login, access):
                pass
    assert seen.connections == 1
