"""Answer questions with ansible-core: a line of JSON for each line of JSON on standard input.

It runs as a process of its own, since ansible changes the process that imports it. One process answers
many questions: starting ``ansible-inventory`` takes a second.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from ansible import constants
from ansible._internal._datatag._tags import TrustedAsTemplate
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import EncryptedString
from ansible.playbook.play import Play
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader, init_plugin_loader
from ansible.template import Templar
from ansible.utils.display import Display
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

REFUSED = "Unable to parse"
LOGIN_OPTIONS = ("host", "port", "remote_user", "password", "private_key_file")


def convert(value: Any) -> object:
    """Return a value as JSON has it; strings that are not templates are marked if they have braces."""
    if isinstance(value, EncryptedString):
        return "<vault>"
    if isinstance(value, dict):
        return {str(key): convert(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [convert(item) for item in value]
    if isinstance(value, str):
        is_text = "{{" in value and not TrustedAsTemplate.is_tagged_on(value)
        return {"unsafe": str(value)} if is_text else str(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def answer_inventory(sources: list[str], playbook: str | None) -> dict[str, object]:
    """Return the hosts and groups of an inventory, and the warnings about it."""
    try:
        return read_inventory(sources, playbook)
    except Exception as error:  # noqa: BLE001 - any exception of ansible is its answer
        return {"refused": [f"{type(error).__name__}: {error}"]}


def read_inventory(sources: list[str], playbook: str | None) -> dict[str, object]:
    """Return the hosts and groups of an inventory, and the warnings about it."""
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
        hosts[host.name] = convert(known)
    groups = {
        name: [host.name for host in group.get_hosts()] for name, group in manager.groups.items()
    }
    refused = [text for text in warnings if text.startswith(REFUSED)]
    return {"hosts": hosts, "groups": groups, "refused": refused, "warnings": warnings}


def answer_values(folder: str, host: str, names: list[str]) -> dict[str, dict[str, Any]]:
    """Return the values of variables of a host in FOLDER/hosts.yml."""
    loader = DataLoader()
    loader.set_basedir(folder)
    inventory = InventoryManager(loader=loader, sources=[f"{folder}/hosts.yml"])
    manager = VariableManager(loader=loader, inventory=inventory)
    play = Play().load({"hosts": "all", "tasks": []}, variable_manager=manager, loader=loader)
    variables = manager.get_vars(play=play, host=inventory.get_host(host))
    variables["hostvars"] = manager._hostvars = HostVars(inventory, manager, loader)
    templar = Templar(loader, variables=variables)
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        try:
            value = templar.template(variables[name])
            found[name] = {"value": json.loads(json.dumps(value, default=str))}
        except Exception as error:  # noqa: BLE001 - any exception of ansible is its answer
            found[name] = {"error": type(error).__name__}
    return found


def answer_logins(variables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the options that the plugins ssh and sudo read from each set of variables."""
    return [read_login(values) for values in variables]


def read_login(variables: dict[str, Any]) -> dict[str, Any]:
    """Return the options that the plugins ssh and sudo read from variables."""
    connection = connection_loader.get("ssh", PlayContext(), None)
    become = become_loader.get("sudo")
    for plugin in (connection, become):
        plugin.set_options(var_options=variables)
    options = {name: connection.get_option(name) for name in LOGIN_OPTIONS}
    return {**options, "become_pass": become.get_option("become_pass")}


def answer_commands(variables: list[dict[str, Any]]) -> list[list[str]]:
    """Return the command line of `ssh` for each set of variables."""
    return [build_command(values) for values in variables]


def build_command(variables: dict[str, Any]) -> list[str]:
    """Return the command line of `ssh` for variables."""
    connection = connection_loader.get("ssh", PlayContext(), None)
    connection.set_options(var_options=variables)
    connection.host = connection.get_option("host")
    connection.user = connection.get_option("remote_user")
    return [word.decode() for word in connection._build_command("ssh", "ssh", connection.host)]


ANSWERS: dict[str, Callable[..., object]] = {
    "inventory": answer_inventory,
    "values": answer_values,
    "logins": answer_logins,
    "commands": answer_commands,
}


def main() -> None:
    """Answer line by line."""
    init_plugin_loader([])
    for line in sys.stdin:
        kind, *arguments = json.loads(line)
        print(json.dumps(ANSWERS[kind](*arguments)), flush=True)


if __name__ == "__main__":
    main()
