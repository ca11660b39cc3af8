"""The demo keeps its promises, after one that was killed as well."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import PROJECT
from tests.lab.records import list_records

pytestmark = pytest.mark.lab

ARGV = [sys.executable, "-m", "tests.demo"]

# What somebody who watches it must have seen.
CLAIMS = (
    r"the plan has [1-3]?\d lines besides the CLI",
    r"after its next fetch the FortiGate denies 203\.0\.113\.66",
    r"the FortiGate does not deny 8\.8\.8\.8",
    r"\d fetches during the restart all listed it",
    r"site\.py status",
    r"`bans` lists 203\.0\.113\.66",
    r"site\.py unban 203\.0\.113\.66",
    r"the feed lists all three strangers",
    r"she is not banned",
    r"each of them would have been banned at the first attempt",
    r"no program of the loop is installed",
    r"no log and no ban is left",
)


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """That of a demo of its own, beside one that a person may be watching."""
    name = f"demo-test-{os.getpid()}"
    yield dict(os.environ, BANSTITCH_DEMO=name)
    shutil.rmtree(PROJECT / "build" / name, ignore_errors=True)


def test_a_demo_that_was_killed_leaves_nothing_to_the_next_which_is_as_promised(
    environment: dict[str, str], bare_root: Path
) -> None:
    with subprocess.Popen(
        ARGV, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout
        assert any("site.py apply" in line for line in killed.stdout)
        killed.kill()

    ran = subprocess.run(
        ARGV,
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1200,
    )

    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr
    assert "Every claim was true." in ran.stdout
    assert "NO:" not in ran.stdout
    for claim in CLAIMS:
        assert re.search(claim, ran.stdout), claim
    assert f"demo-{killed.pid}" not in [record.name for record in list_records()]
