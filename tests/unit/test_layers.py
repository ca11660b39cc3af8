"""The structure that ARCHITECTURE.md promises, held against the imports of the code."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
AGENT = "provision.linux.agent"


def name_of(path: Path) -> str:
    """The module name of a file of the project."""
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


FILES = {
    name_of(path): path
    for part in ("provision", "roles")
    for path in (PROJECT / part).rglob("*.py")
}
# Packages hold a docstring, and in one case a constant; nothing that could stand on a floor.
MODULES = {name: path for name, path in FILES.items() if path.name != "__init__.py"}


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, wherever in it; submodules by their full name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            found.update(name if name in FILES else str(node.module) for name in whole)
    return frozenset(found)


def importers(package: str, *parts: str) -> list[str]:
    """The files below ``parts`` that import a package or something in it."""
    paths = (path for part in parts for path in sorted((PROJECT / part).rglob("*.py")))
    wanted = re.compile(rf"{re.escape(package)}(\.|$)")
    return [name_of(path) for path in paths if any(map(wanted.match, imports(path)))]


def floors() -> dict[str, str]:
    """Module to floor, as the table of ARCHITECTURE.md has it; a module twice is an error."""
    table = (PROJECT / "ARCHITECTURE.md").read_text().split("## Floors")[1].split("\n## ")[0]
    found: dict[str, str] = {}
    for floor, files in re.findall(r"^\| (\d|agent) \| (.*) \|$", table, re.M):
        for file in re.findall(r"`([^`]+)\.py`", files):
            stem = file.replace("/", ".")
            name = stem if stem.startswith("roles.") else f"provision.{stem}"
            assert name not in found, f"{name} stands on two floors"
            found[name] = floor
    return found


def edges() -> Iterator[tuple[str, str]]:
    """Which module imports which, within the product."""
    for name, path in MODULES.items():
        yield from ((name, other) for other in imports(path) if other in MODULES)


def test_every_module_stands_on_one_floor() -> None:
    assert set(floors()) == set(MODULES)


def test_imports_run_downwards_or_along_a_floor() -> None:
    where = floors()
    placed = [(a, b) for a, b in edges() if a in where and b in where]
    assert not [(a, b) for a, b in placed if where[a] < where[b] and where[b] != "agent"]


def test_no_imports_run_in_a_circle() -> None:
    graph: dict[str, set[str]] = {name: set() for name in MODULES}
    for importer, imported in edges():
        graph[importer].add(imported)
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


@pytest.mark.parametrize(
    ("package", "homes"),
    [
        (
            "paramiko",
            [
                "provision.ssh.attempts",
                "provision.ssh.certificates",
                "provision.ssh.connect",
                "provision.ssh.host_keys",
                "provision.ssh.keys",
                "provision.ssh.methods",
                "provision.ssh.packets",
                "provision.ssh.reach",
            ],
        ),
        ("netmiko", ["provision.fortios.session.terminal"]),
        ("jinja2", ["provision.inventory.sandbox", "provision.inventory.templates"]),
        ("yaml", ["provision.inventory.yaml_lines"]),
    ],
)
def test_a_third_party_package_is_known_in_its_homes_only(package: str, homes: list[str]) -> None:
    assert importers(package, "provision", "roles") == homes


def test_the_linux_half_and_the_fortios_half_do_not_know_each_other() -> None:
    assert not importers("provision.fortios", "provision/linux")
    assert not importers("provision.linux", "provision/fortios")


@pytest.mark.parametrize("path", sorted((PROJECT / "provision/linux/agent").glob("*.py")))
def test_the_agent_needs_nothing_but_python_3_9_and_itself(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 9))
    others = {name for name in imports(path) if not name.startswith(AGENT)}
    assert {name.partition(".")[0] for name in others} <= sys.stdlib_module_names


def test_the_controller_knows_nothing_of_the_agent_but_the_forms_of_its_answers() -> None:
    found = {
        (name, other)
        for name, other in edges()
        if other.startswith(AGENT) and not name.startswith(AGENT)
    }
    assert {other for _, other in found} == {f"{AGENT}.protocol"}
    assert all(name.startswith("provision.linux.") for name, _ in found)


def test_the_product_does_not_know_its_tests_and_the_simulator_not_the_product() -> None:
    assert not importers("tests", "provision", "roles")
    assert not importers("provision", "tests/lab")
    assert not importers("roles", "tests/lab")


def test_site_py_is_imported_nowhere() -> None:
    assert not importers("site", "provision", "roles", "tests")
