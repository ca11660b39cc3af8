"""Each verb imports only the large packages that it uses, since the operator waits for each of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import PROJECT
from tests.unit.inventory.inventories import write

LARGE = (
    "asyncio",
    "cryptography",
    "jinja2",
    "netmiko",
    "paramiko",
    "prometheus_client",
    "pydantic",
    "rich.console",
    "rich.live",
    "rich.table",
    "yaml",
)
# Runs the command line in a new process and prints which of the modules it has imported.
RUN = """
import json, runpy, sys
modules, sys.argv = json.loads(sys.argv[1]), ["site.py", *sys.argv[2:]]
try:
    runpy.run_path("site.py", run_name="__main__")
except SystemExit:
    print(json.dumps([name for name in modules if name in sys.modules]))
"""
CHECKING = {"jinja2", "pydantic", "yaml"}
# paramiko itself imports asyncio, through invoke.
CONNECTING = {*CHECKING, "asyncio", "cryptography", "paramiko", "rich.console"}
# Nobody listens on these ports.
HOSTS = """
all:
  vars: {ansible_host: 127.0.0.1, ansible_user: root, ansible_password: long-enough}
  children:
    ban_hosts:
      hosts: {bh1: {ansible_port: 1}}
    fortigates:
      hosts: {fw1: {ansible_port: 2, ban_host: bh1}}
"""


def find_imported(*arguments: str) -> set[str]:
    """Return those of the large packages that the command line imports."""
    command = [sys.executable, "-c", RUN, json.dumps(LARGE), *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=600)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an inventory of two hosts that refuse to be contacted."""
    return write(tmp_path, hosts__yml=HOSTS)


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "--help"], ["plan", "--nonsense"]])
def test_help_imports_no_large_package(arguments: list[str]) -> None:
    assert find_imported(*arguments) == set()


def test_a_check_imports_what_reads_and_checks_the_inventory(folder: Path) -> None:
    assert find_imported("check", "-i", str(folder)) == CHECKING
    assert find_imported("check", "--json", "-i", str(folder)) == CHECKING
    assert find_imported("render", "-i", str(folder), str(folder / "out")) == CHECKING


@pytest.mark.parametrize("verb", ["plan", "status", "bans"])
def test_netmiko_is_imported_only_where_a_fortigate_is_contacted(folder: Path, verb: str) -> None:
    assert find_imported(verb, "-i", str(folder), "-l", "bh1") == CONNECTING
