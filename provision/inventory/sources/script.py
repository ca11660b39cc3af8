"""Read the JSON of a dynamic inventory: of an executable script, or of ``ansible-inventory``."""

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

_LONGEST_WORDS = 200


def read(material: Material, path: Path) -> bool:
    """Run a script and add what it lists; whether ``path`` is a script at all.

    A text without a first line ``#!`` is none, even where all files have the bit to be executed.

    Raises:
        InputError: it failed, or its answer is no inventory.
    """
    deadline = time.monotonic() + program.LONGEST
    listing = _answer(path, deadline, "--list")
    if listing is None:
        return False
    where = Where(str(path))
    meta = listing.get("_meta", {})
    hostvars = meta.get("hostvars") if isinstance(meta, dict) else None
    add(material, listing, where)
    if "_meta" not in listing or hostvars is None:
        for name in _hosts(listing):
            _set_host(material, name, _answer(path, deadline, "--host", name) or {}, where)
    return True


def add(material: Material, listing: dict[str, object], where: Where) -> None:
    """Add what a listing says: its groups, and the variables of hosts under ``_meta``.

    Raises:
        InputError: its form is not that of an inventory.
    """
    problems: list[Problem] = []
    for group, body in listing.items():
        if group != "_meta":
            problems += _group(material, group, body, where)
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


def _group(material: Material, group: str, body: object, where: Where) -> list[Problem]:
    """Add one group: a list of hosts, or a mapping; what is neither is the error returned."""
    trusted = True
    if not isinstance(body, dict):
        body = {"hosts": body}
    elif not {"hosts", "vars", "children"} & set(body):
        # as in Ansible: a host that is named like its group, with variables that are no templates
        body, trusted = {"hosts": [group], "vars": body}, False
    hosts, children = _names(body.get("hosts", [])), _names(body.get("children", []))
    variables = body.get("vars", {})
    if hosts is None or children is None or not isinstance(variables, dict):
        what = f"group {group} of the inventory has hosts, vars or children of another form"
        return [where.problem(what, "hosts and children are lists of names, vars is a mapping")]
    material.group(group)
    for name in hosts:
        material.add_host(name, group, where)
    values = {key: Variable(as_value(item, trusted), where) for key, item in variables.items()}
    material.set_group(group, values)
    for child in children:
        material.add_child(group, child, where)
    return []


def _names(value: object) -> list[str] | None:
    """Return a list of names; ``None`` if it is anything else."""
    if not isinstance(value, list):
        return None
    names = [name for name in value if isinstance(name, str) and name]
    return names if len(names) == len(value) else None


def _hosts(listing: dict[str, object]) -> list[str]:
    """Return each host of a listing, once."""
    found: dict[str, None] = {}
    for group, body in listing.items():
        hosts = body.get("hosts", []) if isinstance(body, dict) else body
        if isinstance(body, dict) and not {"hosts", "vars", "children"} & set(body):
            hosts = [group]
        if group != "_meta" and isinstance(hosts, list):
            found.update(dict.fromkeys(map(str, hosts)))
    return list(found)


def _set_host(material: Material, name: str, variables: object, where: Where) -> None:
    if not isinstance(variables, dict):
        raise InputError([where.problem(f"the variables of host {name} must be a mapping")])
    values = {key: Variable(as_value(value), where) for key, value in variables.items()}
    material.set_host(name, values)


def as_value(value: object, trusted: bool = True) -> object:
    """Return a value of a listing; Ansible's marks for encrypted and unsafe texts are understood."""
    if isinstance(value, dict):
        if isinstance(text := value.get("__ansible_unsafe"), str):
            return Unsafe(text)
        if "__ansible_vault" in value:
            return Vaulted()
        return {key: as_value(item, trusted) for key, item in value.items()}
    if isinstance(value, list):
        return [as_value(item, trusted) for item in value]
    return Unsafe(value) if isinstance(value, str) and not trusted else value


def _answer(path: Path, deadline: float, *options: str) -> dict[str, object] | None:
    """Run the script once; ``None`` if it cannot be run because it is no program."""
    where = Where(str(path))
    shown = " ".join(options)
    try:
        done = program.run([str(path.absolute()), *options], deadline, os.environ)
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            return None
        what = f"the inventory script cannot be started: {error.strerror}"
        instead = "check its first line (#!), or take away the bit to execute it"
        raise InputError([where.problem(what, instead)]) from None
    except program.ProgramError as error:
        raise InputError([where.problem(f"the inventory script {shown} {error}")]) from None
    if done.code:
        what = f"the inventory script {shown} ends with exit code {done.code}"
        raise InputError([where.problem(what, last_words(done.errors))])
    return document(done.output, where, f"the inventory script {shown}", bool(options[1:]))


def document(raw: bytes, where: Where, who: str, may_be_empty: bool = False) -> dict[str, object]:
    """Return the mapping that a program wrote as JSON.

    Raises:
        InputError: it wrote something else; the text itself is not shown.
    """
    if may_be_empty and not raw.strip():
        return {}
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise InputError([where.problem(f"{who} must write JSON", "run it by hand")]) from None
    if not isinstance(found, dict):
        what = f"{who} must write JSON that is a mapping"
        raise InputError([where.problem(what, "run it by hand")])
    if _is_deep(found):
        what = f"{who} must write JSON of at most {DEEPEST} levels"
        raise InputError([where.problem(what, "nest its values less deeply")])
    return found


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inside
            for each in level
            if isinstance(each, dict | list)
            for inside in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


def last_words(errors: str) -> str:
    """Return the last line that a program wrote to standard error, as part of a message."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return f"it says: {lines[-1][:_LONGEST_WORDS]}" if lines else "it says nothing"
