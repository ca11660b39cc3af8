"""Output that cannot be written: one line, exit code 1, and never a change that ends half-way."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pty
import resource
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.cli.main import main
from provision.cli.streams import treat_signals_as_interrupt
from provision.engine import site
from provision.plan import Change, SitePlan, TargetPlan
from provision.results import SiteResult, TargetResult
from tests import PROJECT
from tests.plays import load_plays
from tests.unit.cli.command_line import HOSTS, Terminal
from tests.unit.inventory.inventories import write

PROGRAM = str(PROJECT / "site.py")
FULL = "cannot write to standard output: No space left on device; write it elsewhere and run again"


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """An inventory whose targets refuse every connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    hosts = HOSTS.replace("192.0.2.10", f"127.0.0.1, ansible_port: {port}")
    return write(tmp_path / "inventory", hosts__yml=hosts)


def ran(words: str, inventory: Path, **streams: Any) -> subprocess.CompletedProcess[str]:
    unbuffered = {"PYTHONUNBUFFERED": streams.pop("unbuffered", "")}
    argv = [sys.executable, PROGRAM, *words.split()]
    argv += ["-i", str(inventory)] if "--help" not in words else []
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run(
        argv,
        text=True,
        env=dict(os.environ, **unbuffered),
        check=False,
        timeout=60,
        **streams,
    )


@pytest.mark.parametrize(
    ("words", "unbuffered"),
    [
        ("check", ""),
        ("check", "1"),
        ("--help", ""),
        ("plan", "1"),
        ("plan --json", ""),
        ("apply -y -v", ""),
    ],
)
def test_a_full_disk_behind_the_output_is_one_line(
    inventory: Path, words: str, unbuffered: str
) -> None:
    with Path("/dev/full").open("w") as full:
        done = ran(words, inventory, stdout=full, unbuffered=unbuffered)
    assert (done.returncode, done.stderr) == (1, FULL + "\n")


@pytest.mark.parametrize("words", ["check", "plan --json"])
def test_a_reader_that_has_gone_ends_the_program_quietly(inventory: Path, words: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        done = ran(words, inventory, stdout=pipe)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_closed_output_is_reported_before_anything_is_done(inventory: Path) -> None:
    done = ran("plan --json", inventory, preexec_fn=lambda: os.close(1))
    assert done.returncode == 1
    assert done.stderr.startswith("standard output is closed: nothing was done; ")
    assert len(done.stderr.splitlines()) == 1


def close_all() -> None:
    for number in (0, 1, 2):
        os.close(number)


@pytest.mark.parametrize(
    ("before", "code"),
    [(lambda: os.close(0), 0), (lambda: os.close(2), 0), (close_all, 1)],
    ids=["stdin", "stderr", "all"],
)
def test_other_streams_that_are_closed_are_not_missed(
    inventory: Path, before: Callable[[], None], code: int
) -> None:
    done = ran("check", inventory, preexec_fn=before)
    assert (done.returncode, done.stderr) == (code, "")


def test_an_error_that_cannot_be_printed_keeps_its_exit_code(inventory: Path) -> None:
    with Path("/dev/full").open("w") as full:
        assert ran("check --nope", inventory, stderr=full).returncode == 3
        assert ran("plan", inventory, stderr=full).returncode == 4


def test_a_terminal_that_has_gone_is_like_a_full_disk_to_a_program_that_ignores_hang_ups(
    inventory: Path,
) -> None:
    ours, terminal = pty.openpty()
    argv = [sys.executable, PROGRAM, "plan", "-v", "-i", str(inventory)]
    with subprocess.Popen(
        argv,
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    ) as process:
        os.close(terminal)
        os.close(ours)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said == f"cannot write to standard output: {os.strerror(errno.EIO)}; " + (
        "write it elsewhere and run again\n"
    )


def test_a_terminal_that_goes_away_ends_a_run_once_what_was_begun_is_over(tmp_path: Path) -> None:
    """The ban host takes the connection, then the terminal goes, then the ban host answers."""

    def controlling() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    ours, terminal = pty.openpty()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        hosts = HOSTS.replace("192.0.2.10", f"127.0.0.1, ansible_port: {port}")
        inventory = write(tmp_path / "inventory", hosts__yml=hosts)
        with subprocess.Popen(
            [sys.executable, PROGRAM, "plan", "--json", "-i", str(inventory)],
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=controlling,
        ) as process:
            os.close(terminal)
            connection, _ = server.accept()
            os.close(ours)
            connection.close()
            server.close()
            out, _ = process.communicate(timeout=60)
    assert process.returncode == 129
    assert json.loads(out)["exit_code"] == 129


def test_sigterm_ends_a_run_once_what_was_begun_is_over(tmp_path: Path) -> None:
    """The ban host takes the connection, then the run is told to end, then the ban host answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        hosts = HOSTS.replace("192.0.2.10", f"127.0.0.1, ansible_port: {port}")
        inventory = write(tmp_path / "inventory", hosts__yml=hosts)
        junit = tmp_path / "plan.xml"
        words = ["plan", "--json", "--report", f"junit:{junit}", "-i", str(inventory)]
        with subprocess.Popen(
            [sys.executable, PROGRAM, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            connection, _ = server.accept()
            process.send_signal(signal.SIGTERM)
            assert process.stderr
            said = process.stderr.readline()
            connection.close()
            server.close()
            out, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    document = json.loads(out)
    assert document["exit_code"] == 143
    assert document["sites"][0]["targets"][0]["state"] == "unreachable"
    assert said == "SIGTERM: finishing the work that has begun; nothing else will be started\n"
    assert "interrupted: run again to do the rest" in junit.read_text()


def test_render_leaves_no_file_half_written(inventory: Path, tmp_path: Path) -> None:
    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert ran(f"render {whole}", inventory).returncode == 0
    done = ran(f"render {cut}", inventory, preexec_fn=small_disk)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"cannot write {cut}/" in done.stderr
    for path in (each for each in cut.rglob("*") if each.is_file()):
        assert path.read_bytes() == (whole / path.relative_to(cut)).read_bytes()


# --- while a target is being changed ---------------------------------------------------------------

CHANGE = Change("file:/etc/x", "update", "+new")
PLANNED = SitePlan("bh1", "apply", (TargetPlan("bh1", "linux", "differs", (CHANGE,)),))
CHANGED = SiteResult("bh1", (TargetResult("bh1", "linux", "changed", changes=(CHANGE,)),))


def fill_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the output of this test go to a disk that is full, and the site have one change."""
    monkeypatch.setattr(sys, "stdout", Path("/dev/full").open("w"))  # noqa: SIM115
    monkeypatch.setattr(site, "plan_site", lambda *_: PLANNED)


def test_a_change_goes_on_to_its_end_when_its_progress_cannot_be_printed(
    inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = (tmp_path / "output").open("w")
    monkeypatch.setattr(sys, "stdout", disk)
    monkeypatch.setattr(site, "plan_site", lambda *_: PLANNED)
    steps = []

    def apply(_name: str, _job: object, _plan: object, process: Any) -> SiteResult:
        with Path("/dev/full").open("w") as full:
            os.dup2(full.fileno(), disk.fileno())
        for step in ("lease", "push", "release"):
            process.listener.print_line(f"{step} " * 10_000)
            steps.append(step)
        return CHANGED

    monkeypatch.setattr(site, "apply_site", apply)
    assert main(load_plays, ["apply", "-y", "-v", "-i", str(inventory)]) == 1
    assert steps == ["lease", "push", "release"]


def test_nobody_is_asked_about_a_plan_that_could_not_be_printed(
    inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk(monkeypatch)
    monkeypatch.setattr(site, "apply_site", lambda *_: pytest.fail("it was changed"))
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert main(load_plays, ["apply", "-i", str(inventory)]) == 1


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [(signal.SIGHUP, signal.SIGTERM, 129), (signal.SIGTERM, signal.SIGHUP, 143)],
)
def test_a_signal_is_an_interrupt_once_and_then_ignored(
    first: signal.Signals, second: signal.Signals, code: int
) -> None:
    """Shells and systemd send several; that must not break what is being finished."""
    interrupted = False
    with treat_signals_as_interrupt() as stop:
        try:
            signal.raise_signal(first)
        except KeyboardInterrupt:
            interrupted = True
        signal.raise_signal(first)
        signal.raise_signal(second)
    assert interrupted
    assert stop.code == code
    assert [signal.getsignal(each) for each in (first, second)] == [signal.SIG_DFL] * 2


def test_nohup_is_obeyed() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with treat_signals_as_interrupt():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
