"""Read an inventory in Ansible's YAML form; JSON is one way to write it."""

from __future__ import annotations

from collections.abc import Iterable

from provision.errors import InputError, Problem
from provision.inventory import yaml_lines
from provision.inventory.sources.material import ALL, Material
from provision.inventory.variables import Variable, Where, suggest_name
from provision.inventory.yaml_lines import Repeat, YamlMap

_SECTIONS = ("children", "hosts", "vars")


def read(material: Material, top: YamlMap, file: str, repeats: Iterable[Repeat]) -> None:
    """Add what the groups of a document say; ``repeats`` are the keys that it gives twice."""
    for repeat in repeats:
        material.doubt(owner(repeat.path), repeat.problem(file), "the last one counts")
    for name, body in top.items():
        _group(material, ALL, name, body, Where(file, top.lines[name]))


def owner(path: tuple[str, ...]) -> str:
    """Return the group in which the key at ``path`` of a document stands.

    >>> owner(("all", "children", "web", "vars", "x"))
    'web'
    """
    group, *rest = path
    while len(rest) > 1 and rest[0] == "children":
        group, *rest = rest[1:]
    return group


def as_variables(found: YamlMap, file: str) -> dict[str, Variable]:
    """Return the variables of a mapping; a key that is not a text cannot be anybody's variable."""
    return {
        key: Variable(value, Where(file, found.lines[key]))
        for key, value in found.items()
        if isinstance(key, str)
    }


def as_map(material: Material, value: object, where: Where, what: str, group: str) -> YamlMap:
    """Return ``value`` as a mapping; anything else is wrong in ``group`` and gives an empty one."""
    try:
        return yaml_lines.mapping(value, where, what)
    except InputError as error:
        for problem in error.problems:
            material.doubt(group, problem)
        return YamlMap()


def _group(material: Material, parent: str, name: object, body: object, where: Where) -> bool:
    """Add one group and all in it; return whether there is one."""
    if not _is_name(material, parent, name, where, "group"):
        return False
    group = str(name)
    if body is not None and not isinstance(body, YamlMap):
        as_map(material, body, where, f"group {group}", group)
        return False
    material.group(group)
    sections = body or YamlMap()
    for key, section in sections.items():
        _section(material, group, str(key), section, Where(where.file, sections.lines[key]))
    return True


def _section(material: Material, group: str, key: str, section: object, where: Where) -> None:
    if key not in _SECTIONS:
        instead = suggest_name(key, _SECTIONS) or "a group has children, hosts and vars"
        problem = where.problem(f"{key} is no part of a group", instead)
        material.doubt(group, problem, inherited=False)
        return
    found = as_map(material, _lone_name(section, where), where, f"{key} of group {group}", group)
    if key == "vars":
        material.set_group(group, as_variables(found, where.file))
        return
    for item, value in found.items():
        line = Where(where.file, found.lines[item])
        if key == "hosts":
            _hosts(material, group, item, value, line)
        elif _group(material, group, item, value, line):
            material.add_child(group, str(item), line)


def _lone_name(section: object, where: Where) -> object:
    """Ansible takes ``hosts: name`` for ``hosts: {name: }``."""
    if not isinstance(section, str):
        return section
    lone = YamlMap()
    lone[section], lone.lines[section] = None, where.line
    return lone


def _hosts(material: Material, group: str, item: object, value: object, where: Where) -> None:
    if _is_name(material, group, item, where, "host"):
        # Ansible takes 0, no and "" for nothing
        found = as_map(material, value or None, where, f"host {item}", group)
        material.add_pattern(group, str(item), where, as_variables(found, where.file))


def _is_name(material: Material, group: str, name: object, where: Where, kind: str) -> bool:
    """Return whether ``name`` is a text; YAML makes 10, yes and 1.5 something else."""
    if isinstance(name, str) and name:
        return True
    instead = "write a name" if name in ("", None) else f'put quotes around it: "{name}"'
    problem: Problem = where.problem(f"the {kind} name {name!r} must be a text", instead)
    material.doubt(group, problem)
    return False
