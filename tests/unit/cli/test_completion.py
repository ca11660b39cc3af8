"""Shells complete verbs and options with the script that `completion` prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import PROJECT
from tests.unit.cli.command_line import Cli

PROGRAM = PROJECT / "site.py"
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
# Asks the function that the script registers, as bash does when the operator presses the Tab key.
PRESS_TAB = """
eval "$("$0" completion bash)"
COMP_WORDS=(site.py "$@") COMP_CWORD=$#
$(complete -p site.py | grep -o '_[a-z_]*completion') "$0"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def press_tab(*words: str) -> list[str]:
    """Return what bash offers for the last of ``words``."""
    command = ["bash", "-c", PRESS_TAB, str(PROGRAM), *words]
    done = subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("te",), ["teardown"]),
        (("plan", "--list"), ["--list-hosts", "--list-sites"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("shield", "o"), ["on", "off"]),
    ],
)
def test_bash_completes_verbs_options_and_words(words: tuple[str, ...], offered: list[str]) -> None:
    assert press_tab(*words) == offered


@pytest.mark.parametrize(
    ("shell", "line"), [("zsh", "#compdef site.py"), ("fish", "complete --no-files --command")]
)
def test_the_scripts_of_other_shells_are_for_this_program(cli: Cli, shell: str, line: str) -> None:
    said = cli("completion", shell, inventory=False)
    assert (said.code, said.err) == (0, "")
    assert line in said.out
    assert f"_SITE_PY_COMPLETE={shell}_complete" in said.out


def test_another_shell_is_an_error(cli: Cli) -> None:
    said = cli("completion", "tcsh", inventory=False)
    assert (said.code, said.out) == (3, "")
    assert "'bash', 'zsh', 'fish'" in said.err
