"""Check the playbook as a program: its packages, its roles, its help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from provision.cli.main import main
from provision.sites.site import Play
from tests import PROJECT
from tests.plays import load_plays
from tests.unit.cli.command_line import HOSTS
from tests.unit.inventory.inventories import write


def test_no_verb_at_all_shows_the_verbs_and_exits_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(load_plays, []) == 3
    assert "teardown" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["apply", "-h"]])
def test_help_is_no_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(load_plays, arguments) == 0
    assert "Usage" in capsys.readouterr().out


def test_the_playbook_runs_as_a_program(tmp_path: Path) -> None:
    write(tmp_path / "inventory", hosts__yml=HOSTS)
    root = PROJECT
    argv = [sys.executable, str(root / "site.py"), "check", "-i", str(tmp_path / "inventory")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path)
    said = "ok: 1 site, 2 FortiGates, as FortiOS 8.0.0\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


def test_without_its_packages_the_playbook_says_how_to_get_them() -> None:
    """As for an operator who forgot to activate the virtual environment."""
    program = PROJECT / "site.py"
    argv = [sys.executable, "-S", str(program), "check"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("site.py cannot start: No module named ")
    assert done.stderr.endswith("; run `make venv`, then `. .venv/bin/activate`\n")


def test_a_role_that_does_not_exist_is_reported_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def load_plays() -> tuple[Play, ...]:
        raise ImportError("cannot import name 'recever' from 'roles'")

    write(tmp_path, hosts__yml=HOSTS)
    assert main(load_plays, ["check", "-i", str(tmp_path)]) == 3
    said = capsys.readouterr().err
    assert said.startswith("site.py: cannot import name 'recever' from 'roles'; correct the roles")
    assert main(load_plays, ["--help"]) == 0
