"""Check the output of the set-up: a line for each step, everything once a step fails."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests import PROJECT

NOISE = "".join(f"Get:{n} http://mirror.example/ package{n}\\n" for n in range(30))


class Machine:
    """A machine without the lab's packages, with programs of ours in place of apt-get and Python."""

    def __init__(self, folder: Path) -> None:
        self._tools, self._project = folder / "bin", folder / "project"
        self.ready = self._project / ".venv/ready"
        self._tools.mkdir()
        for tool in (
            "sh",
            "id",
            "grep",
            "sleep",
            "mktemp",
            "cat",
            "rm",
            "dirname",
            "touch",
            "make",
        ):
            found = shutil.which(tool)
            assert found
            (self._tools / tool).symlink_to(found)
        (self._project / "tests/lab").mkdir(parents=True)
        for name in (
            "Makefile",
            "tests/lab/install.sh",
            "requirements.txt",
            "requirements-dask.txt",
            "requirements-dev.txt",
        ):
            shutil.copy(PROJECT / name, self._project / name)

    def program(self, path: str, script: str) -> None:
        """Put a shell script in place of a program; a relative path belongs to the project."""
        place = self._project / path if "/" in path else self._tools / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)  # it may be a link to the real one
        place.write_text(f"#!{self._tools}/sh\n{script}\n")
        place.chmod(0o755)

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self._project,
            env={"PATH": str(self._tools), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path)
    found.program("apt-get", f"printf '{NOISE}'")
    found.program(".venv/bin/python", f"case $2 in pip) printf '{NOISE}';; esac")
    return found


LAB = "installing packages: systemd-container mmdebstrap openssh-client iproute2 mount\n"


@pytest.mark.parametrize("words", [["make", "venv", "lab"], ["make", "-s", "-j4", "venv", "lab"]])
def test_the_set_up_prints_a_line_for_each_step(machine: Machine, words: list[str]) -> None:
    done = machine.run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "installing Python packages into .venv\n" + LAB


@pytest.mark.parametrize("words", [["make", "lab", "V=1"], ["make", "venv", "V=1"]])
def test_everything_is_printed_on_request(machine: Machine, words: list[str]) -> None:
    assert "package29" in machine.run(*words).stdout


def test_the_output_of_pip_is_printed_when_it_fails(machine: Machine) -> None:
    script = 'case "$*" in *pip\\ install*) echo to-out; echo to-err >&2; exit 7;; esac'
    machine.program(".venv/bin/python", script)
    done = machine.run("make", "venv")
    assert done.returncode != 0
    assert done.stderr.startswith("to-out\nto-err\n")
    assert not machine.ready.exists()


def test_the_output_of_apt_is_printed_when_it_fails(machine: Machine) -> None:
    machine.program("apt-get", "echo 'E: Unable to fetch'; exit 100")
    done = machine.run("make", "lab")
    assert done.returncode != 0
    assert "E: Unable to fetch" in done.stderr


def test_a_lock_of_apt_is_waited_for_and_named(machine: Machine, tmp_path: Path) -> None:
    lock = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)"
    count = tmp_path / "count"
    machine.program(
        "apt-get",
        f'echo >>{count}; [ "$(grep -c "" {count})" -gt 2 ] || {{ echo "{lock}"; exit 100; }}',
    )
    done = machine.run("make", "lab")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == LAB + f"waiting up to 10 minutes: {lock.removeprefix('E: ')}\n"


def test_without_root_the_set_up_prints_the_commands_that_root_must_run(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    done = machine.run("sh", "tests/lab/install.sh", "lab")
    assert done.returncode == 1
    assert done.stderr == (
        "missing: systemd-container mmdebstrap openssh-client iproute2 mount; run as root: "
        "apt-get install systemd-container mmdebstrap openssh-client iproute2 mount\n"
    )


def test_a_prometheus_that_cannot_be_downloaded_leaves_nothing_and_prints_why(
    machine: Machine, tmp_path: Path
) -> None:
    machine.program("apt-get", "echo 'E: Unable to fetch'; exit 100")
    place, work = tmp_path / "prometheus", tmp_path / "work"
    work.mkdir()
    done = machine.run(
        "sh", "tests/lab/install.sh", "prometheus", PROMETHEUS=str(place), TMPDIR=str(work)
    )
    assert done.returncode == 1
    assert "E: Unable to fetch" in done.stderr
    assert not place.exists()
    assert list(work.iterdir()) == []
