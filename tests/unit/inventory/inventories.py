"""Write small inventories for tests, and list problems as an operator sees them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from provision.errors import InputError
from provision.inventory.expressions import Scope
from provision.inventory.loader import Inventory, build_scopes, load

# One ban host and one FortiGate, complete enough for `check`.
SITE = """
ban_hosts: {hosts: {bh1: {ansible_host: 192.0.2.1}}}
fortigates:
  hosts: {fw1: {ban_host: bh1, ansible_host: 192.0.2.2, ansible_password: not-a-secret}}
"""


def write(folder: Path, **files: str) -> Path:
    """Write these files and return ``folder``; ``group_vars__all__yml`` is group_vars/all.yml."""
    for name, text in files.items():
        *parents, stem, ending = name.split("__")
        path = folder.joinpath(*parents, f"{stem}.{ending}" if ending else stem)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def read_inventory(folder: Path, hosts: str, extra: Sequence[str] = (), **files: str) -> Inventory:
    """Return the inventory of a folder whose hosts.yml is ``hosts``."""
    return load(write(folder, hosts__yml=hosts, **files), extra)


def read_scope(folder: Path, variables: str, **files: str) -> Scope:
    """Return the variables of a host ``h`` whose host_vars file is ``variables``."""
    files["host_vars__h__yml"] = variables
    return build_scopes(read_inventory(folder, "all: {hosts: {h: }}", **files))["h"]


def list_problems(error: pytest.ExceptionInfo[InputError], folder: Path) -> list[str]:
    """Return the problems, with paths relative to the folder."""
    return [str(problem).replace(f"{folder}/", "") for problem in error.value.problems]


def write_script(path: Path, body: str) -> Path:
    """Write an executable script for sh."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def read_values(sources: list[str], host: str, playbook: Path | None = None) -> dict[str, object]:
    """Return the variables of a host as they were written."""
    variables = load(sources, (), playbook).hosts[host].variables
    return {name: variable.value for name, variable in variables.items()}
