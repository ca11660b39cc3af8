"""Ask ansible-core what it reads from an inventory, to compare it with what Banstitch reads."""

from __future__ import annotations

import json
import os
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
class AnsibleCore:
    """A process with ansible-core that answers one question after another."""

    process: subprocess.Popen[str]

    def read_inventory(
        self, sources: Sequence[str], playbook: Path | None = None
    ) -> dict[str, Any]:
        """Return hosts with their variables, groups with their hosts, and the refused sources."""
        folder = str(playbook) if playbook else None
        found: dict[str, Any] = self._ask("inventory", list(sources), folder)
        return found

    def evaluate(self, folder: Path, host: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return ``{"value": ...}`` or ``{"error": ...}`` for each of these variables of a host."""
        found: dict[str, dict[str, Any]] = self._ask("values", str(folder), host, list(names))
        return found

    def read_logins(self, variables: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return address, port, user, key and passwords for each set of variables."""
        found: list[dict[str, Any]] = self._ask("logins", list(variables))
        return found

    def build_commands(self, variables: Sequence[dict[str, Any]]) -> list[list[str]]:
        """Return the command line of `ssh` for each set of variables."""
        found: list[list[str]] = self._ask("commands", list(variables))
        return found

    def _ask(self, *question: Any) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextmanager
def start_ansible(folder: Path) -> Iterator[AnsibleCore]:
    """Start the process in an empty folder and with an empty ansible.cfg, whatever the machine has."""
    config = folder / "ansible.cfg"
    config.touch()
    inherited = {name: value for name, value in os.environ.items() if "ANSIBLE" not in name}
    own = {"ANSIBLE_CONFIG": str(config), "ANSIBLE_HOME": str(folder), "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("ansible_program.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=inherited | own,
        cwd=folder,
        text=True,
    ) as process:
        yield AnsibleCore(process)
        assert process.stdin
        process.stdin.close()


def list_hosts(inventory: Inventory) -> dict[str, dict[str, object]]:
    """Return the raw variables of each host, as ansible-core's are returned."""
    return {
        name: {key: convert(variable.value) for key, variable in host.variables.items()}
        for name, host in inventory.hosts.items()
    }


def list_groups(inventory: Inventory) -> dict[str, set[str]]:
    """Return the hosts of each group."""
    return {name: set(hosts) for name, hosts in inventory.groups.items()}


def convert(value: object) -> object:
    """Return a value as ansible-core's are returned."""
    if isinstance(value, Vaulted):
        return "<vault>"
    if isinstance(value, dict):
        return {str(key): convert(item) for key, item in value.items()}
    if isinstance(value, list):
        return [convert(item) for item in value]
    if isinstance(value, Unsafe):
        return {"unsafe": str(value)} if "{{" in value else str(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)
