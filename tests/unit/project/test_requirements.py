"""Check that the pinned requirements are those that the code imports."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests import PROJECT

OURS = {"provision", "roles", "tests"}
# The receiver is Python, too; what of its imports only a ban host has is not installed here.
FOLDERS = (*OURS, "templates")
# Pinned by pydantic itself, to the very version.
WITHIN = {"pydantic_core"}
# What a command or pytest loads by itself.
TOOLS = {
    "ansible-core",
    "dask",
    "import-linter",
    "mypy",
    "ruff",
    "pytest-timeout",
    "pytest-xdist",
    "types-paramiko",
    "types-pyyaml",
}


def pinned(file: str) -> set[str]:
    """Return the names in a file of requirements, in lower case."""
    text = (PROJECT / file).read_text()
    return {name.lower() for name in re.findall(r"(?m)^([A-Za-z0-9_.-]+)==", text)}


def imported(*folders: str) -> set[str]:
    """Return the distributions that the code in ``folders`` imports by name, in lower case."""
    paths = [PROJECT / "site.py", *(p for part in folders for p in (PROJECT / part).rglob("*.py"))]
    modules = {name for path in paths for name in imports(path)} - OURS - sys.stdlib_module_names
    known = packages_distributions()
    return {known[name][0].lower() for name in modules if name in known} - WITHIN


def imports(path: Path) -> set[str]:
    """The first part of each module that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_imported_packages_are_pinned_and_pinned_packages_are_used() -> None:
    files = ("requirements.txt", "requirements-dask.txt", "requirements-dev.txt")
    assert imported(*FOLDERS) | TOOLS == set().union(*map(pinned, files))


def test_operators_install_only_packages_that_the_product_imports() -> None:
    # replay runs the rules themselves
    always, for_dask = pinned("requirements.txt"), pinned("requirements-dask.txt")
    found = imported("provision", "roles", "templates/rules")
    assert found - for_dask == always
    assert for_dask - found <= TOOLS
