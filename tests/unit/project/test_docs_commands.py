"""Run the commands that the documentation shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from provision.cli import main
from tests import PROJECT
from tests.unit.project.readme import find_deployment_steps

DRY_VERBS = ("check", "render")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``site.py`` on the example inventory, with the password that the README exports."""
    return subprocess.run(
        [sys.executable, "site.py", *arguments],
        cwd=PROJECT,
        env={**os.environ, "FORTIGATE_PASSWORD": "not a real one"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_dry_commands_of_the_readme_work_on_the_example_inventory(tmp_path: Path) -> None:
    dry = [words for words in find_deployment_steps() if words[0] in DRY_VERBS]
    assert [words[0] for words in dry] == list(DRY_VERBS)
    for words in dry:
        arguments = [word.replace("/tmp/review", str(tmp_path / "review")) for word in words]
        result = run(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
    assert [path for path in (tmp_path / "review").rglob("*") if path.is_file()]


@pytest.mark.parametrize("verb", sorted(main.cli.commands))
def test_every_verb_prints_help(verb: str) -> None:
    result = CliRunner().invoke(main.cli, [verb, "--help"], prog_name="site.py")
    assert result.exit_code == 0, result.output
    assert f"site.py {verb}" in result.output
