"""Read a dynamic inventory: the JSON of an executable script, or of ``ansible-inventory``."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

from provision.errors import InputError, Problem
from provision.inventory.sandbox import DEEPEST
from provision.inventory.sources import program
from provision.inventory.sources.material import Material
from provision.inventory.variables import Unsafe, Variable, Vaulted, Where

_LONGEST_LINE = 200


def read(material: Material, path: Path) -> bool:
    """Run a script and add its inventory; return whether ``path`` is a script at all.

    An executable text file without a first line ``#!`` is not a script.

    Raises:
        InputError: the script failed, or its output is not an inventory.
    """
    deadline = time.monotonic() + program.LONGEST
    listing = _run_script(path, deadline, "--list")
    if listing is None:
        return False
    where = Where(str(path))
    meta = listing.get("_meta", {})
    hostvars = meta.get("hostvars") if isinstance(meta, dict) else None
    add(material, listing, where)
    if "_meta" not in listing or hostvars is None:
        for name in _list_hosts(listing):
            _set_host(material, name, _run_script(path, deadline, "--host", name) or {}, where)
    return True


def add(material: Material, listing: dict[str, object], where: Where) -> None:
    """Add the groups of a listing, and the variables of hosts under ``_meta``.

    Raises:
        InputError: the listing does not have the form of an inventory.
    """
    problems: list[Problem] = []
    for group, body in listing.items():
        if group != "_meta":
            problems += _add_group(material, group, body, where)
    meta = listing.get("_meta", {})
    hostvars = meta.get("hostvars") if isinstance(meta, dict) else meta
    if isinstance(hostvars, dict):
        for name, variables in hostvars.items():
            if name in material.hosts:
                _set_host(material, name, variables, where)
    elif hostvars is not None:
        problems.append(where.problem("_meta.hostvars of the inventory must be a mapping"))
    if problems:
        raise InputError(problems)


def _add_group(material: Material, group: str, body: object, where: Where) -> list[Problem]:
    """Add one group, a list of hosts or a mapping; return the problem if it is neither."""
    trusted = True
    if not isinstance(body, dict):
        body = {"hosts": body}
    elif not {"hosts", "vars", "children"} & set(body):
        # as in Ansible: a host with the name of its group, whose variables are not templates
        body, trusted = {"hosts": [group], "vars": body}, False
    hosts, children = _read_names(body.get("hosts", [])), _read_names(body.get("children", []))
    variables = body.get("vars", {})
    if hosts is None or children is None or not isinstance(variables, dict):
        message = f"group {group} of the inventory has hosts, vars or children of another form"
        return [where.problem(message, "hosts and children are lists of names, vars is a mapping")]
    material.group(group)
    for name in hosts:
        material.add_host(name, group, where)
    values = {key: Variable(as_value(item, trusted), where) for key, item in variables.items()}
    material.set_group(group, values)
    for child in children:
        material.add_child(group, child, where)
    return []


def _read_names(value: object) -> list[str] | None:
    """Return ``value`` if it is a list of names, else None."""
    if not isinstance(value, list):
        return None
    names = [name for name in value if isinstance(name, str) and name]
    return names if len(names) == len(value) else None


def _list_hosts(listing: dict[str, object]) -> list[str]:
    """Return the hosts of a listing, each once."""
    names: dict[str, None] = {}
    for group, body in listing.items():
        hosts = body.get("hosts", []) if isinstance(body, dict) else body
        if isinstance(body, dict) and not {"hosts", "vars", "children"} & set(body):
            hosts = [group]
        if group != "_meta" and isinstance(hosts, list):
            names.update(dict.fromkeys(map(str, hosts)))
    return list(names)


def _set_host(material: Material, name: str, variables: object, where: Where) -> None:
    if not isinstance(variables, dict):
        raise InputError([where.problem(f"the variables of host {name} must be a mapping")])
    values = {key: Variable(as_value(value), where) for key, value in variables.items()}
    material.set_host(name, values)


def as_value(value: object, trusted: bool = True) -> object:
    """Return a value of a listing, with Ansible's marks for encrypted and unsafe strings converted.

    Strings of a group that is not ``trusted`` are not templates.
    """
    if isinstance(value, dict):
        if isinstance(text := value.get("__ansible_unsafe"), str):
            return Unsafe(text)
        if "__ansible_vault" in value:
            return Vaulted(str(value["__ansible_vault"]))
        return {key: as_value(item, trusted) for key, item in value.items()}
    if isinstance(value, list):
        return [as_value(item, trusted) for item in value]
    return Unsafe(value) if isinstance(value, str) and not trusted else value


def _run_script(path: Path, deadline: float, *options: str) -> dict[str, object] | None:
    """Run the script once and return the mapping that it prints, or None if it is not a program.

    Raises:
        InputError: it failed, or printed something else.
    """
    where = Where(str(path))
    shown = " ".join(options)
    try:
        done = program.run([str(path.absolute()), *options], deadline, os.environ)
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            return None
        message = f"the inventory script cannot be started: {error.strerror}"
        remedy = "check its first line (#!), or take away the bit to execute it"
        raise InputError([where.problem(message, remedy)]) from None
    except program.ProgramError as error:
        raise InputError([where.problem(f"the inventory script {shown} {error}")]) from None
    if done.code:
        message = f"the inventory script {shown} ends with exit code {done.code}"
        raise InputError([where.problem(message, quote_last_line(done.errors))])
    return parse_document(done.output, where, f"the inventory script {shown}", bool(options[1:]))


def parse_document(
    raw: bytes, where: Where, who: str, may_be_empty: bool = False
) -> dict[str, object]:
    """Return the mapping that a program, which errors call ``who``, printed as JSON.

    Raises:
        InputError: it printed something else, which the error does not quote.
    """
    if may_be_empty and not raw.strip():
        return {}
    try:
        listing = json.loads(raw)
    except (ValueError, RecursionError):
        raise InputError([where.problem(f"{who} must write JSON", "run it by hand")]) from None
    if not isinstance(listing, dict):
        message = f"{who} must write JSON that is a mapping"
        raise InputError([where.problem(message, "run it by hand")])
    if _is_deep(listing):
        message = f"{who} must write JSON of at most {DEEPEST} levels"
        raise InputError([where.problem(message, "nest its values less deeply")])
    return listing


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inside
            for outer in level
            if isinstance(outer, dict | list)
            for inside in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def quote_last_line(errors: str) -> str:
    """Return the last line that a program printed to standard error, for the remedy of an error."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return f"it says: {lines[-1][:_LONGEST_LINE]}" if lines else "it says nothing"
