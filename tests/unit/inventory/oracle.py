"""Compare what Banstitch reads from an inventory with what ansible-core reads from it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision.inventory.loader import Inventory
from provision.inventory.variables import Unsafe, Vaulted


@dataclass
class Oracle:
    """A process with ansible-core that reads one inventory after another."""

    process: subprocess.Popen[str]

    def read(self, sources: Sequence[str], playbook: Path | None = None) -> dict[str, Any]:
        """Return hosts with their variables, groups with their hosts, and what was refused."""
        question = {"sources": list(sources), "playbook": str(playbook) if playbook else None}
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found


@contextmanager
def oracle(folder: Path) -> Iterator[Oracle]:
    """Start the process in an empty folder, so that no ansible.cfg and no variables lie there."""
    program = Path(__file__).with_name("oracle_program.py")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(
        [sys.executable, str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd=folder,
        text=True,
    ) as process:
        yield Oracle(process)
        assert process.stdin
        process.stdin.close()


def hosts(inventory: Inventory) -> dict[str, dict[str, object]]:
    """Return the raw variables of each host, in the oracle's form."""
    return {
        name: {key: plain(variable.value) for key, variable in host.variables.items()}
        for name, host in inventory.hosts.items()
    }


def groups(inventory: Inventory) -> dict[str, set[str]]:
    """Return the hosts of each group."""
    return {name: set(found) for name, found in inventory.groups.items()}


def plain(value: object) -> object:
    """Return a value in the oracle's form."""
    if isinstance(value, Vaulted):
        return "<vault>"
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Unsafe):
        return {"unsafe": str(value)} if "{{" in value else str(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)
