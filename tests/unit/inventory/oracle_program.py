"""Say how ansible-core reads inventories: a line of JSON for each line of JSON on standard input.

It runs as a process of its own, since ansible changes the process that imports it. One process
answers for many inventories: starting ``ansible-inventory`` takes a second.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ansible import constants
from ansible._internal._datatag._tags import TrustedAsTemplate
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import EncryptedString
from ansible.plugins.loader import init_plugin_loader
from ansible.utils.display import Display
from ansible.vars.manager import VariableManager

REFUSED = "Unable to parse"


def plain(value: Any) -> object:
    """Return a value as JSON has it; a text that is no template is marked where that matters."""
    if isinstance(value, EncryptedString):
        return "<vault>"
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, str):
        is_text = "{{" in value and not TrustedAsTemplate.is_tagged_on(value)
        return {"unsafe": str(value)} if is_text else str(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def answer(sources: list[str], playbook: str | None) -> dict[str, object]:
    """Return the hosts and groups of an inventory, and the warnings that it gave."""
    warnings: list[str] = []
    display = Display()
    display.warning = lambda msg, *_, **__: warnings.append(str(msg))
    display.error_as_warning = lambda msg, *_, **__: warnings.append(str(msg))
    display.deprecated = lambda *_, **__: None
    loader = DataLoader()
    if playbook:
        loader.set_basedir(playbook)
    manager = InventoryManager(loader=loader, sources=sources)
    variables = VariableManager(loader=loader, inventory=manager)
    variables.safe_basedir = bool(playbook)
    hosts = {}
    for host in manager.get_hosts():
        found = variables.get_vars(host=host, include_hostvars=False, stage="all")
        known = {k: v for k, v in found.items() if k not in constants.INTERNAL_STATIC_VARS}
        hosts[host.name] = plain(known)
    groups = {
        name: [host.name for host in group.get_hosts()] for name, group in manager.groups.items()
    }
    refused = [text for text in warnings if text.startswith(REFUSED)]
    return {"hosts": hosts, "groups": groups, "refused": refused, "warnings": warnings}


def main() -> None:
    """Answer line by line."""
    init_plugin_loader()
    for line in sys.stdin:
        question = json.loads(line)
        try:
            found = answer(question["sources"], question["playbook"])
        except Exception as error:  # noqa: BLE001 - whatever ansible raises is its answer
            found = {"refused": [f"{type(error).__name__}: {error}"]}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
