"""The recipes of docs/pipelines.md work as far as they can be run here."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests import PROJECT

PAGE = (PROJECT / "docs/pipelines.md").read_text("utf-8")


def read_recipe(title: str) -> str:
    """Return the code of a section of the page."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return str(re.findall(r"```\w+\n(.*?)```", section, re.DOTALL)[0])


def test_a_job_of_gitlab_keeps_the_files_that_it_writes() -> None:
    jobs = yaml.safe_load(read_recipe("GitLab"))
    for name in ("plan", "apply", "drift"):
        (command,) = jobs[name]["script"]
        kept = jobs[name]["artifacts"]
        assert f"junit:{kept['reports']['junit']}" in command
        assert all(path in command for path in kept.get("paths", ()))
    assert jobs["plan"]["allow_failure"] == {"exit_codes": 2}
    assert jobs["apply"]["needs"] == ["plan"]


def test_the_shards_of_gitlab_are_merged_from_the_files_that_they_keep() -> None:
    section = PAGE.split("\n### Shards\n")[1].split("\n## ")[0]
    jobs = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)[0])
    (command,) = jobs["drift"]["script"]
    (folder,) = jobs["drift"]["artifacts"]["paths"]
    assert command.endswith(f"--run-dir {folder}")
    assert f"merge {folder}/" in jobs["report"]["script"][0]
    assert jobs["report"]["needs"] == ["drift"]


def test_a_job_of_github_shows_the_report_that_it_writes() -> None:
    steps = yaml.safe_load(read_recipe("GitHub"))["jobs"]["drift"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert "markdown:drift.md" in commands[1]
    assert commands[2].startswith("cat drift.md")
    assert all(step["if"] == "always()" for step in steps[-2:])


@pytest.mark.parametrize(("code", "words"), [(0, ""), (2, "out of plan\nerr of plan\n")])
def test_the_script_for_cron_prints_nothing_unless_something_differs(
    tmp_path: Path, code: int, words: str
) -> None:
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho out of $2\necho err of $2 >&2\nexit {code}\n")
    python.chmod(0o755)
    script = read_recipe("cron").replace("/opt/banstitch", str(tmp_path))
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (code, words, "")


@pytest.mark.slow
@pytest.mark.parametrize(("code", "state"), [(0, "ok=1 "), (2, "changed=1"), (4, "failed=1")])
def test_the_playbook_for_awx_fails_at_errors_only(tmp_path: Path, code: int, state: str) -> None:
    (tmp_path / "drift.yml").write_text(read_recipe("AWX and Semaphore"))
    (tmp_path / "site.py").write_text(f"raise SystemExit({code})\n")
    playbook = PROJECT / ".venv/bin/ansible-playbook"
    command = [str(playbook), "-i", "localhost,", "drift.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert state in done.stdout
    assert done.returncode == (2 if code == 4 else 0)
