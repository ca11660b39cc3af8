"""Read an inventory in Ansible's YAML form, of which JSON is a part."""

from __future__ import annotations

from collections.abc import Iterable

from provision.errors import InputError, Problem
from provision.inventory import yaml_lines
from provision.inventory.sources.material import ALL, Material
from provision.inventory.variables import Variable, Where, suggest_name
from provision.inventory.yaml_lines import Repeat, YamlMap

_SECTIONS = ("children", "hosts", "vars")


def read(material: Material, top: YamlMap, file: str, repeats: Iterable[Repeat]) -> None:
    """Add the groups of a document; ``repeats`` are its repeated keys."""
    for repeat in repeats:
        material.add_doubt(find_group(repeat.path), repeat.to_problem(file), "the last one counts")
    for name, body in top.items():
        _add_group(material, ALL, name, body, Where(file, top.lines[name]))


def find_group(path: tuple[str, ...]) -> str:
    """Return the group that contains the key at ``path`` of a document.

    >>> find_group(("all", "children", "web", "vars", "x"))
    'web'
    """
    group, *rest = path
    while len(rest) > 1 and rest[0] == "children":
        group, *rest = rest[1:]
    return group


def as_variables(mapping: YamlMap, file: str) -> dict[str, Variable]:
    """Return the variables in a mapping, without keys that are not strings."""
    return {
        key: Variable(value, Where(file, mapping.lines[key]), mapping.sealed)
        for key, value in mapping.items()
        if isinstance(key, str)
    }


def as_map(material: Material, value: object, where: Where, name: str, group: str) -> YamlMap:
    """Return ``value`` as a mapping; anything else adds a doubt about ``group`` and gives an empty one."""
    try:
        return yaml_lines.as_mapping(value, where, name)
    except InputError as error:
        for problem in error.problems:
            material.add_doubt(group, problem)
        return YamlMap()


def _add_group(material: Material, parent: str, name: object, body: object, where: Where) -> bool:
    """Add one group and its content; return whether it is valid."""
    if not _is_name(material, parent, name, where, "group"):
        return False
    group = str(name)
    if body is not None and not isinstance(body, YamlMap):
        as_map(material, body, where, f"group {group}", group)
        return False
    material.group(group)
    sections = body or YamlMap()
    for key, section in sections.items():
        _add_section(material, group, str(key), section, Where(where.file, sections.lines[key]))
    return True


def _add_section(material: Material, group: str, key: str, section: object, where: Where) -> None:
    if key not in _SECTIONS:
        remedy = suggest_name(key, _SECTIONS) or "a group has children, hosts and vars"
        problem = where.problem(f"{key} is not a part of a group", remedy)
        material.add_doubt(group, problem, inherited=False)
        return
    entries = as_map(material, _wrap_name(section, where), where, f"{key} of group {group}", group)
    if key == "vars":
        material.set_group(group, as_variables(entries, where.file))
        return
    for item, value in entries.items():
        line = Where(where.file, entries.lines[item])
        if key == "hosts":
            _add_hosts(material, group, item, value, line)
        elif _add_group(material, group, item, value, line):
            material.add_child(group, str(item), line)


def _wrap_name(section: object, where: Where) -> object:
    """Return ``hosts: name`` as ``hosts: {name: }``, as Ansible does."""
    if not isinstance(section, str):
        return section
    wrapped = YamlMap()
    wrapped[section], wrapped.lines[section] = None, where.line
    return wrapped


def _add_hosts(material: Material, group: str, item: object, value: object, where: Where) -> None:
    if _is_name(material, group, item, where, "host"):
        # Ansible treats 0, no and "" as empty
        variables = as_map(material, value or None, where, f"host {item}", group)
        material.add_pattern(group, str(item), where, as_variables(variables, where.file))


def _is_name(material: Material, group: str, name: object, where: Where, kind: str) -> bool:
    """Return whether ``name`` is a string; in YAML, 10, yes and 1.5 are not."""
    if isinstance(name, str) and name:
        return True
    remedy = "write a name" if name in ("", None) else f'put quotes around it: "{name}"'
    problem: Problem = where.problem(f"the {kind} name {name!r} must be a string", remedy)
    material.add_doubt(group, problem)
    return False
