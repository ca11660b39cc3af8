"""Evaluates variables with ansible-core, in a process of its own: the oracle of the tests.

Called as ``python ansible_oracle.py FOLDER HOST NAME...``, it prints a JSON object: the value of
each variable of the host in FOLDER/hosts.yml, ``{"value": ...}``, or ``{"error": ...}``. Without
arguments it reads a JSON list of variables from standard input, and prints how Ansible logs in.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def ask(folder: Path, host: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what ansible-core makes of these variables."""
    found: dict[str, dict[str, Any]] = json.loads(_run(folder, [str(folder), host, *names], ""))
    return found


def ask_login(folder: Path, variables: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return address, port, user and passwords that Ansible reads from each set of variables."""
    found: list[dict[str, Any]] = json.loads(_run(folder, [], json.dumps(variables)))
    return found


def _run(folder: Path, arguments: Sequence[str], given: str) -> str:
    settings = folder / ".ansible"
    settings.mkdir(exist_ok=True)
    config = settings / "ansible.cfg"  # an empty one, whatever the machine has
    config.touch()
    return subprocess.run(
        [sys.executable, __file__, *arguments],
        capture_output=True,
        text=True,
        check=True,
        input=given,
        env={**os.environ, "ANSIBLE_HOME": str(settings), "ANSIBLE_CONFIG": str(config)},
    ).stdout


def answer(folder: str, host: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the values; only this process imports Ansible."""
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.playbook.play import Play
    from ansible.plugins.loader import init_plugin_loader
    from ansible.template import Templar
    from ansible.vars.hostvars import HostVars
    from ansible.vars.manager import VariableManager

    init_plugin_loader([])
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
        except Exception as error:  # noqa: BLE001 - any of Ansible's
            found[name] = {"error": type(error).__name__}
    return found


def answer_login(variables: dict[str, Any]) -> dict[str, Any]:
    """Return what Ansible's plug-ins ssh and sudo read from variables."""
    from ansible.playbook.play_context import PlayContext
    from ansible.plugins.loader import become_loader, connection_loader, init_plugin_loader

    init_plugin_loader([])
    connection = connection_loader.get("ssh", PlayContext(), None)
    become = become_loader.get("sudo")
    for plugin in (connection, become):
        plugin.set_options(var_options=variables)
    names = ("host", "port", "remote_user", "password", "private_key_file")
    found = {name: connection.get_option(name) for name in names}
    return {**found, "become_pass": become.get_option("become_pass")}


if __name__ == "__main__":
    if sys.argv[1:]:
        json.dump(answer(sys.argv[1], sys.argv[2], sys.argv[3:]), sys.stdout)
    else:
        json.dump([answer_login(each) for each in json.load(sys.stdin)], sys.stdout)
