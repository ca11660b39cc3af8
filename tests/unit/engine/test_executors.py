"""Work at sites in other processes: what goes there, what comes back, and what if a process dies."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision import VERSION
from provision.engine.fleet.executors import tasks
from provision.engine.fleet.executors.processes import ProcessExecutor, ProcessWorkers
from provision.engine.fleet.executors.tasks import Outcome, Task, forget_run, run_task
from provision.engine.fleet.executors.workers import THIS_PROCESS, WorkerDied
from provision.engine.run import Job, Process
from provision.errors import Failed
from provision.masking import MASK, Secrets
from provision.plan import Change, SitePlan, TargetPlan
from provision.results import TargetResult
from provision.sites.selection import Choice, read_sites
from tests import PROJECT
from tests.plays import PLAYS
from tests.unit.engine import worker_calls
from tests.unit.inventory.inventories import write

PASSWORD = "correct-horse-battery"
PATIENCE = 120
TEXTS = st.text(max_size=20)
PLANS = st.builds(
    SitePlan,
    TEXTS,
    st.just("apply"),
    st.tuples(
        st.builds(
            TargetPlan,
            TEXTS,
            st.just("linux"),
            changes=st.tuples(st.builds(Change, TEXTS, TEXTS, TEXTS)),
            details=st.dictionaries(TEXTS, TEXTS, max_size=3),
        )
    ),
)


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.activities: list[str] = []
        self.hosts: list[str] = []
        self.results: list[str] = []
        self.lines: list[str] = []
        self.first = threading.Event()

    def report_activity(self, site: str, host: str, activity: str) -> None:
        self.hosts.append(host)
        self.activities.append(activity)
        self.first.set()

    def report_result(self, site: str, result: TargetResult) -> None:
        self.results.append(f"{result.host}: {result.state}")

    def print_line(self, text: str) -> None:
        self.lines.append(text)


def describe(folder: Path, user: str = "root") -> Path:
    return write(
        folder,
        hosts__yml=f"""
            ban_hosts:
              hosts:
                ban1: {{ansible_host: 192.0.2.1, ansible_user: {user}, ansible_password: {PASSWORD}}}
            """,
    )


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Return a job at one site."""
    folder = describe(tmp_path / "inventory")
    sites = read_sites(Choice((str(folder),)), PLAYS, Secrets())
    return Job("plan", PLAYS, sites, folder / "known_hosts")


def make_task(job: Job, function: Callable[..., Any], run: str = "run", **other: Any) -> Task:
    fields: dict[str, Any] = {
        "version": VERSION,
        "job": pickle.dumps(job),
        "name": "ban1",
        **other,
    }
    return Task(run, function=function, **fields)


@pytest.fixture
def executor() -> Iterator[ProcessExecutor]:
    """Yield an executor of two processes with two threads each."""
    executor = ProcessExecutor(2, 4)
    yield executor
    executor.shutdown()


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """Return a pipe with a name, at which a worker waits for a word."""
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


# --- what is sent ---------------------------------------------------------------------------------------


@given(approved=PLANS)
def test_tasks_and_outcomes_survive_the_way_to_another_process(approved: SitePlan) -> None:
    task = Task("run", VERSION, b"job", worker_calls.go_on, "ban1", (approved,))
    assert pickle.loads(pickle.dumps(task)) == task
    outcome = Outcome(approved, lines=("a line",))
    assert pickle.loads(pickle.dumps(outcome)) == outcome


def test_a_task_holds_no_secret(job: Job) -> None:
    task = make_task(job, worker_calls.plan_nothing)
    assert PASSWORD.encode() not in pickle.dumps(task)
    assert PASSWORD not in repr(task)


# --- what a worker does --------------------------------------------------------------------------------


@pytest.mark.parametrize("is_idle", [False, True])
def test_a_worker_reads_the_inventory_once_for_each_run(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_idle: bool
) -> None:
    first = make_task(job, worker_calls.plan_nothing, run="first")
    before = run_task(first)
    describe(tmp_path / "inventory", user="admin")
    assert run_task(first) == before
    if is_idle:
        monkeypatch.setattr(tasks, "IDLE_FOR", -1.0)
    later = run_task(make_task(job, worker_calls.plan_nothing, run="later"))
    if not is_idle:
        forget_run("first")
    again = run_task(first)
    for outcome, user in ((before, "root"), (later, "admin"), (again, "admin")):
        assert isinstance(outcome.result, SitePlan)
        assert outcome.result.targets[0].notes == (user,)


def test_everything_that_a_worker_returns_is_masked(job: Job) -> None:
    heard = Heard()
    told = run_task(make_task(job, worker_calls.plan_nothing), heard)
    assert (told.lines, heard.activities) == ((f"the password is {MASK}",), [f"as {MASK}"])
    refused = run_task(make_task(job, worker_calls.refuse))
    assert f"refused {MASK}\ndo something" in refused.error
    crashed = run_task(make_task(job, worker_calls.crash))
    assert crashed.error == "error in Banstitch: KeyError"
    assert "in crash" in crashed.traceback
    assert PASSWORD not in repr(told) + str(refused) + crashed.traceback


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"version": "0.1.0"}, f"runs Banstitch {VERSION}, not 0.1.0"),
        ({"name": "ban2"}, "ban2 is not in the inventory"),
    ],
)
def test_a_worker_that_does_not_fit_says_so(job: Job, other: dict[str, str], error: str) -> None:
    outcome = run_task(make_task(job, worker_calls.plan_nothing, **other))
    assert (outcome.result, error in outcome.error) == (None, True)


def test_a_worker_without_the_inventory_says_what_it_lacks(job: Job, tmp_path: Path) -> None:
    task = make_task(job, worker_calls.plan_nothing, run="elsewhere")
    (tmp_path / "inventory").rename(tmp_path / "moved")
    outcome = run_task(task)
    assert str(tmp_path / "inventory") in outcome.error
    assert "the same inventory" in outcome.remedy


def test_a_worker_without_the_folder_of_the_playbook_does_not_read_half_of_the_variables(
    job: Job, tmp_path: Path
) -> None:
    (tmp_path / "playbook").mkdir()
    choice = Choice((str(tmp_path / "inventory"),), playbook=tmp_path / "playbook")
    sites = read_sites(choice, PLAYS, Secrets())
    task = make_task(replace(job, sites=sites), worker_calls.plan_nothing)
    (tmp_path / "playbook").rmdir()
    assert f"there is no folder {tmp_path / 'playbook'}" in run_task(task).error


def test_an_error_in_an_inventory_shows_none_of_its_secrets(job: Job, tmp_path: Path) -> None:
    task = make_task(job, worker_calls.plan_nothing, run="elsewhere")
    hosts = tmp_path / "inventory" / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("root", f"root, receiver_port: {PASSWORD}"))
    outcome = run_task(task)
    assert "receiver_port" in outcome.error
    assert PASSWORD not in outcome.error


# --- processes -------------------------------------------------------------------------------------------


def test_a_site_in_a_process_of_its_own_is_reported_as_in_this_one(job: Job) -> None:
    workers = ProcessWorkers(1, 1)
    try:
        here, there = Heard(), Heard()
        mine = THIS_PROCESS.run(worker_calls.plan_nothing, "ban1", job, None, Process(here))
        found = workers.run(worker_calls.plan_nothing, "ban1", job, None, Process(there))
        assert found == mine
        assert there.results == ["ban1: ok"]
        assert there.lines == [f"the password is {MASK}"]
        assert there.activities == ["given to a worker", f"as {MASK}"]
        with pytest.raises(Failed, match="error in Banstitch: KeyError"):
            workers.run(worker_calls.crash, "ban1", job, None, Process(there))
    finally:
        workers.close()


def test_work_is_spread_over_as_many_processes_as_allowed(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    heard, fifos = Heard(), [tmp_path / name for name in ("first", "second", "third", "fourth")]
    for fifo in fifos:
        os.mkfifo(fifo)
    waiting = [executor.submit(worker_calls.wait_for_word, f, listener=heard) for f in fifos]
    for fifo in fifos:
        fifo.write_text("go on")
    assert [future.result(PATIENCE) for future in waiting] == ["go on"] * 4
    used = set(heard.hosts)
    assert (len(used), str(os.getpid()) in used) == (2, False)


def test_a_process_that_is_killed_takes_only_its_own_work_with_it(
    executor: ProcessExecutor, fifo: Path
) -> None:
    heard, other = Heard(), Heard()
    doomed = executor.submit(worker_calls.wait_for_word, fifo, listener=heard)
    spared = executor.submit(worker_calls.wait_for_word, fifo, listener=other)
    assert heard.first.wait(PATIENCE)
    assert other.first.wait(PATIENCE)
    os.kill(int(heard.hosts[0]), signal.SIGKILL)
    with pytest.raises(WorkerDied, match="run again") as died:
        doomed.result(PATIENCE)
    assert "nothing was tried again" in str(died.value)
    fifo.write_text("go on")
    assert spared.result(PATIENCE) == "go on"
    assert executor.submit(worker_calls.survive_signals).result(PATIENCE) == "alive"


def test_an_exception_in_a_process_is_raised_here(executor: ProcessExecutor) -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'a fault'"):
        executor.submit(worker_calls.fail).result(PATIENCE)


def test_a_worker_has_no_terminal(executor: ProcessExecutor) -> None:
    assert executor.submit(worker_calls.find_terminal).result(PATIENCE) is False


def test_the_end_waits_for_what_has_begun(fifo: Path) -> None:
    executor, heard = ProcessExecutor(1, 1), Heard()
    future = executor.submit(worker_calls.wait_for_word, fifo, listener=heard)
    assert heard.first.wait(PATIENCE)
    ending = threading.Thread(target=executor.shutdown)
    ending.start()
    assert not wait([future], 0).done
    fifo.write_text("finished")
    ending.join(PATIENCE)
    assert future.result(0) == "finished"


CONTROLLER = """
import sys
from pathlib import Path
from provision.engine.fleet.executors import tasks
from provision.engine.fleet.executors.processes import ProcessExecutor
from tests.unit.engine import worker_calls
class Printer:
    def report_activity(self, site, host, activity): print(activity, flush=True)
question, answer = map(Path, sys.argv[1:])
if __name__ == "__main__":
    ProcessExecutor(1, 1).submit(worker_calls.answer_word, question, answer, listener=Printer())
"""


def test_what_has_begun_is_finished_even_if_the_controller_is_killed(
    tmp_path: Path, fifo: Path
) -> None:
    answer = tmp_path / "answer"
    os.mkfifo(answer)
    argv = [sys.executable, "-c", CONTROLLER, str(fifo), str(answer)]
    with subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as controller:
        assert controller.stdout
        assert controller.stdout.readline() == "waiting\n"
        controller.kill()
    fifo.write_text("finished")
    assert answer.read_text() == "finished"
