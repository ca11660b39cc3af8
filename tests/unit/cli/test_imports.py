"""Each verb imports only the large packages that it uses, since the operator waits for each of them."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests import PROJECT
from tests.unit.inventory.inventories import write

LARGE = (
    "asyncio",
    "cryptography",
    "distributed",
    "jinja2",
    "multiprocessing.connection",
    "netmiko",
    "paramiko",
    "prometheus_client",
    "pydantic",
    "rich.console",
    "rich.live",
    "rich.table",
    "yaml",
)
# Runs the command line in a new process; prints the modules that it has imported, and the collections of
# garbage on the way.
RUN = """
import gc, json, runpy, sys
sys.argv = ["site.py", *sys.argv[1:]]
before, collections = set(sys.modules), []
gc.callbacks.append(lambda phase, _: collections.append(phase))
try:
    runpy.run_path("site.py", run_name="__main__")
except SystemExit:
    print(json.dumps([sorted(set(sys.modules) - before), collections.count("start")]))
"""
# Our own folders that `check` does without. Each of them imports large packages, or is large itself.
UNCHECKED = {
    "provision.cli.report.console",
    "provision.engine.fleet.rollout",
    "provision.engine.fleet.run_files",
    "provision.engine.site",
    "provision.fortios.planning",
    "provision.fortios.record",
    "provision.fortios.session",
    "provision.linux.agent.protocol.answers",
    "provision.linux.agent.protocol.requests",
    "provision.linux.planner",
    "provision.linux.session",
    "provision.replay",
    "provision.ssh.connection",
}
# Those that a verb does without where it contacts no FortiGate.
UNUSED_AT_BAN_HOSTS = {
    "provision.engine.fortigate",
    "provision.engine.fortigate_planner",
    "provision.fortios.planning",
    "provision.fortios.session",
    "provision.replay",
}
# Packages from elsewhere, those included that other packages import.
CHECKING_THIRD_PARTY = {
    "annotated_types",
    "click",
    "jinja2",
    "markupsafe",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
    "yaml",
}
OURS = {"banstitch_shared", "provision", "roles"}
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


@cache
def run(*arguments: str) -> tuple[frozenset[str], int]:
    """Return the modules that the command line imports, and how often Python looks for garbage."""
    command = [sys.executable, "-c", RUN, *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=600)
    modules, collections = json.loads(done.stdout.splitlines()[-1])
    return frozenset(modules), collections


def find_imported(*arguments: str) -> frozenset[str]:
    """Return those of the large packages that the command line imports."""
    return run(*arguments)[0] & set(LARGE)


def list_third_party(modules: frozenset[str]) -> set[str]:
    """Return the packages among ``modules`` that neither come with Python nor are ours."""
    roots = {name.partition(".")[0] for name in modules}
    compiled = {name for name in roots if name.startswith("_") or name == "cython_runtime"}
    return roots - OURS - compiled - set(sys.stdlib_module_names)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an inventory of two hosts that refuse to be contacted."""
    return write(tmp_path_factory.mktemp("imports"), hosts__yml=HOSTS)


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "--help"], ["plan", "--nonsense"]])
def test_help_imports_no_large_package(arguments: list[str]) -> None:
    modules, _ = run(*arguments)
    assert modules & set(LARGE) == set()
    assert list_third_party(modules) == {"click"}
    assert {name for name in modules if name.startswith(("provision.linux", "roles"))} == set()


def test_a_check_imports_what_reads_and_checks_the_inventory(folder: Path, tmp_path: Path) -> None:
    assert find_imported("check", "-i", str(folder)) == CHECKING
    assert find_imported("check", "--json", "-i", str(folder)) == CHECKING
    assert find_imported("render", "-i", str(folder), str(tmp_path / "out")) == CHECKING


def test_a_check_imports_neither_what_connects_nor_any_other_package(folder: Path) -> None:
    modules, _ = run("check", "-i", str(folder))
    assert modules & UNCHECKED == set()
    assert list_third_party(modules) == CHECKING_THIRD_PARTY


def test_a_check_does_not_look_for_garbage_among_what_it_needs_until_the_end(folder: Path) -> None:
    assert run("check", "-i", str(folder))[1] < run("plan", "--help")[1] + 10


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_a_run_at_a_ban_host_imports_nothing_for_fortigates(folder: Path, verb: str) -> None:
    modules, _ = run(verb, "-i", str(folder), "-l", "bh1", *(["-y"] if verb == "apply" else []))
    assert modules & UNUSED_AT_BAN_HOSTS == set()


@pytest.mark.parametrize("verb", ["plan", "status", "bans"])
def test_netmiko_is_imported_only_where_a_fortigate_is_contacted(folder: Path, verb: str) -> None:
    assert find_imported(verb, "-i", str(folder), "-l", "bh1") == CONNECTING
