"""Sites changed by other processes and by a Dask cluster, with a worker killed in the middle of an apply."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.dask_cluster import Authority, Cluster
from tests.e2e.fake_fleet import PATIENCE, Fleet

NAMES = ["s1", "s2", "s3", "s4"]
CHANGED = dict.fromkeys(NAMES, "changed")


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Yield four sites at which nothing is deployed."""
    with Fleet(tmp_path / "inventory", NAMES) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the certificates of all clusters."""
    return Authority(tmp_path_factory.mktemp("tls") / "lab")


@pytest.fixture(scope="module")
def cluster(authority: Authority) -> Iterator[Cluster]:
    """Yield a cluster of four workers, to which nothing happens."""
    with Cluster(authority, workers=4) as cluster:
        yield cluster


# --- processes -------------------------------------------------------------------------------------------


def test_processes_change_each_site_once_and_report_what_threads_report(
    fleet: Fleet, tmp_path: Path
) -> None:
    with Fleet(tmp_path / "other", NAMES) as other:
        threads = other.run("apply", "-y")
    processes = fleet.run("apply", "-y", "--processes", "2")
    assert (processes.code, processes.states) == (0, CHANGED), processes.err
    assert sorted(fleet.applied) == NAMES
    for name, target in processes.targets.items():
        assert target["changes"] == threads.targets[name]["changes"]


def test_a_process_that_is_killed_fails_its_own_site_and_the_next_run_repairs_it(
    fleet: Fleet,
) -> None:
    run = fleet.begin("apply", "-y", "--processes", "4", "-f", "4")

    def kill(name: str) -> None:
        if name == "s2":
            fleet.kill_worker(name, psutil.Process(run.pid).children(recursive=True))

    fleet.meddle = kill
    ran = fleet.end(run)
    assert (ran.code, ran.states) == (1, {**CHANGED, "s2": "failed"}), ran.err
    assert "has died; nothing was tried again" in ran.targets["s2"]["error"]
    assert sorted(fleet.applied) == NAMES
    again = fleet.run("apply", "-y", "--processes", "2")
    assert (again.code, set(again.states.values())) == (0, {"ok"})


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_processes_finish_and_begins_nothing_else(
    fleet: Fleet, number: signal.Signals, code: int
) -> None:
    begun, heard = threading.Event(), threading.Event()

    def wait(_: str) -> None:
        begun.set()
        assert heard.wait(PATIENCE)

    fleet.meddle = wait
    run = fleet.begin("apply", "-y", "--processes", "2", "-f", "1")
    assert begun.wait(PATIENCE)
    for process in psutil.Process(run.pid).children(recursive=True):
        process.send_signal(number)  # as a terminal or systemd does
    run.send_signal(number)
    assert run.stderr
    while "finishing the work that has begun" not in run.stderr.readline():
        assert run.poll() is None
    heard.set()
    ran = fleet.end(run)
    assert (ran.code, ran.states) == (code, {"s1": "changed"})
    assert fleet.applied == ["s1"]


# --- Dask ------------------------------------------------------------------------------------------------


def test_a_cluster_changes_each_site_once(fleet: Fleet, cluster: Cluster) -> None:
    ran = fleet.run("apply", "-y", *cluster.options)
    assert (ran.code, ran.states) == (0, CHANGED), ran.err
    assert sorted(fleet.applied) == NAMES
    again = fleet.run("plan", *cluster.options)
    assert (again.code, set(again.states.values())) == (0, {"ok"})


def test_a_site_whose_worker_was_killed_is_reported_and_not_tried_again(
    fleet: Fleet, authority: Authority
) -> None:
    with Cluster(authority, workers=4) as cluster:

        def kill(name: str) -> None:
            if name == "s2":
                fleet.kill_worker(name, cluster.workers)

        fleet.meddle = kill
        ran = fleet.run("apply", "-y", *cluster.options)
        assert (ran.code, ran.states) == (1, {**CHANGED, "s2": "failed"}), ran.err
        assert "has died; nothing was tried again" in ran.targets["s2"]["error"]
        assert sorted(fleet.applied) == NAMES
        cluster.workers = [each for each in cluster.workers if each.is_running()]
        again = fleet.run("apply", "-y", *cluster.options)
        assert (again.code, set(again.states.values())) == (0, {"ok"}), again.err


def test_a_scheduler_that_dies_ends_the_run_and_the_next_one_repairs_what_was_at_work(
    fleet: Fleet, authority: Authority
) -> None:
    with Cluster(authority, workers=1) as cluster:
        fleet.meddle = lambda _: cluster.scheduler.kill()
        ran = fleet.run("apply", "-y", "-f", "1", *cluster.options)
    assert (ran.code, ran.states) == (1, dict.fromkeys(NAMES, "failed")), ran.err
    assert "Traceback" not in ran.err
    errors = [ran.targets[name]["error"] for name in NAMES]
    assert "the scheduler has died while a worker was at this site" in errors[0]
    for error in errors[1:]:
        assert "the scheduler does not answer any more; nothing was begun" in error
    assert fleet.applied == ["s1"]
    fleet.meddle = lambda _: None
    again = fleet.run("apply", "-y")
    assert (again.code, again.states) == (0, {**CHANGED, "s1": "ok"}), again.err


def test_strangers_are_refused_and_nobody_is_contacted(
    fleet: Fleet, cluster: Cluster, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger")
    words = ["--executor", "dask", "--scheduler", cluster.address, *stranger.options]
    ran = fleet.run("apply", "-y", *words)
    assert (ran.code, ran.targets, fleet.applied) == (3, {}, [])
    assert "cannot be reached" in ran.err
    assert all(not host.asked for host in fleet.hosts.values())


def test_a_cluster_without_workers_is_refused(fleet: Fleet, authority: Authority) -> None:
    with Cluster(authority, workers=0) as cluster:
        ran = fleet.run("plan", *cluster.options)
    assert ran.code == 3
    assert "no worker is connected to the scheduler" in ran.err
