"""Filters on mappings and nested values, and to and from JSON and YAML."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from provision.errors import InputError
from provision.inventory import yaml_lines
from provision.inventory.sandbox import Missing
from provision.inventory.variables import Misused, Unusable

_WIDEST_INDENT = 64
_MERGES: dict[str, Callable[[list[Any], list[Any]], list[Any]]] = {
    "replace": lambda _, new: new,
    "keep": lambda old, _: old,
    "append": lambda old, new: old + new,
    "prepend": lambda old, new: new + old,
    "append_rp": lambda old, new: [item for item in old if item not in new] + new,
    "prepend_rp": lambda old, new: new + [item for item in old if item not in new],
}


def combine(*terms: Any, recursive: bool = False, list_merge: str = "replace") -> dict[Any, Any]:
    """Return several mappings merged into one; a later one wins."""
    if list_merge not in _MERGES:
        raise Unusable(f"combine knows list_merge {', '.join(_MERGES)}")
    result: dict[Any, Any] = {}
    for mapping in (part for term in terms for part in _flatten_terms(term)):
        if not isinstance(mapping, Mapping):
            raise Misused("combine takes mappings")
        result = _merge(result, mapping, recursive, list_merge)
    return result


def _flatten_terms(term: Any) -> list[Any]:
    return (
        [part for inner in term for part in _flatten_terms(inner)]
        if isinstance(term, list)
        else [term]
    )


def _merge(
    old: Mapping[Any, Any], new: Mapping[Any, Any], recursive: bool, list_merge: str
) -> dict[Any, Any]:
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        if isinstance(before, list) and isinstance(value, list):
            result[key] = _MERGES[list_merge](before, value)
        elif recursive and isinstance(before, Mapping) and isinstance(value, Mapping):
            result[key] = _merge(before, value, recursive, list_merge)
        else:
            result[key] = value
    return result


def split_items(value: Any, key_name: str = "key", value_name: str = "value") -> list[Any]:
    """Return a mapping as a list of mappings with a key and a value (`dict2items`)."""
    if not isinstance(value, Mapping):
        raise Misused("dict2items takes a mapping")
    return [{key_name: key, value_name: item} for key, item in value.items()]


def join_items(value: Any, key_name: str = "key", value_name: str = "value") -> dict[Any, Any]:
    """Return a list of mappings with a key and a value as one mapping (`items2dict`)."""
    try:
        return {item[key_name]: item[value_name] for item in _as_list("items2dict", value)}
    except (KeyError, TypeError):
        message = "items2dict takes mappings with a key and a value"
        raise Misused(message) from None


def extract(key: Any, container: Any, morekeys: Any = None) -> Any:
    """Return the value of a mapping or a list at a key, and at ``morekeys`` inside it."""
    more = [] if morekeys is None else morekeys if isinstance(morekeys, list) else [morekeys]
    value = container
    for step in (key, *more):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            if isinstance(step, str) and isinstance(value, Mapping):
                return Missing(name=step)
            raise Misused("extract finds nothing there") from None
    return value


def flatten(value: Any, levels: int | None = None, skip_nulls: bool = True) -> list[Any]:
    """Return a list with the lists in it replaced by their items, down to ``levels``."""
    flat: list[Any] = []
    for item in _as_list("flatten", value):
        if skip_nulls and item in (None, "None", "null"):
            continue
        if isinstance(item, list | tuple) and (levels is None or levels > 0):
            flat += flatten(list(item), None if levels is None else levels - 1, skip_nulls)
        else:
            flat.append(item)
    return flat


def pair_subelements(value: Any, names: Any, skip_missing: bool = False) -> list[Any]:
    """Return each item paired with each entry of the list in it (`subelements`)."""
    items = list(value.values()) if isinstance(value, Mapping) else _as_list("subelements", value)
    steps = list(names) if isinstance(names, list) else str(names).split(".")
    result = []
    for item in items:
        inside: Any = item
        for step in steps:
            if not isinstance(inside, Mapping) or step not in inside:
                if skip_missing:
                    inside = []
                    break
                raise Unusable("subelements: an item lacks the list", "an item lacks the list")
            inside = inside[step]
        result += [(item, entry) for entry in _as_list("subelements", inside)]
    return result


def rekey_on_member(data: Any, key: str, duplicates: str = "error") -> dict[Any, Any]:
    """Return the items of a list or mapping by their value at ``key``."""
    items = data.values() if isinstance(data, Mapping) else _as_list("rekey_on_member", data)
    result: dict[Any, Any] = {}
    for item in items:
        if not isinstance(item, Mapping) or key not in item:
            raise Unusable("rekey_on_member: an item lacks the key", "an item lacks the key")
        if item[key] in result and duplicates != "overwrite":
            raise Unusable("rekey_on_member: a key is repeated", "a key is repeated")
        result[item[key]] = item
    return result


def _as_list(filter_name: str, value: Any) -> list[Any]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        message = f"{filter_name} takes a list"
        raise Misused(message)
    return list(value)


def _convert_for_json(value: Any) -> Any:
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise Unusable("a value of this kind has no form in JSON")


def to_json(value: Any, *, sort_keys: bool = False, indent: int | None = None, **_: Any) -> str:
    """Return ``value`` as JSON on one line, or indented."""
    _check_indent(indent)
    return json.dumps(value, default=_convert_for_json, sort_keys=sort_keys, indent=indent)


def to_nice_json(value: Any, indent: int = 4, sort_keys: bool = True, **_: Any) -> str:
    """Return ``value`` as indented JSON."""
    return to_json(value, indent=indent, sort_keys=sort_keys)


def from_json(value: Any, **_: Any) -> Any:
    """Return the value of a JSON text."""
    try:
        return json.loads(value)
    except (TypeError, ValueError, RecursionError):
        raise Misused("it is not JSON") from None


def to_yaml(value: Any, indent: int | None = None, **options: Any) -> str:
    """Return ``value`` as YAML, with short lists and mappings on one line."""
    return _dump_yaml(value, indent, options, default_flow_style=None)


def to_nice_yaml(value: Any, indent: int = 4, **options: Any) -> str:
    """Return ``value`` as YAML with one item per line."""
    return _dump_yaml(value, indent, options, default_flow_style=False)


def _dump_yaml(value: Any, indent: int | None, options: dict[str, object], **more: Any) -> str:
    _check_indent(indent)
    known = {"sort_keys", "width", "default_flow_style", "explicit_start", "explicit_end"}
    if set(options) - known:
        raise Unusable(f"of YAML's options {', '.join(sorted(known))} are known")
    plain = json.loads(json.dumps(value, default=_convert_for_json))
    return yaml_lines.dump(plain, indent=indent, **{**more, **options})


def _check_indent(indent: Any) -> None:
    if indent is not None and not (isinstance(indent, int) and 0 <= indent <= _WIDEST_INDENT):
        message = f"indent must be a whole number up to {_WIDEST_INDENT}"
        raise Misused(message)


def from_yaml(value: Any) -> Any:
    """Return the value of a YAML text."""
    if not isinstance(value, str):
        return value
    try:
        return yaml_lines.parse(value, "")
    except InputError:
        raise Misused("it is not YAML") from None


def pick(value: Any, start: int = 0, step: int = 1, seed: Any = None) -> Any:
    """Return a random item of a list, or a random integer below ``value`` (`random`)."""
    source = random.Random(seed)  # noqa: S311 - no secret is made here
    if isinstance(value, int):
        return source.randrange(start, value, step)
    items = list(value)
    return source.choice(items) if items else Missing(name="random")


def shuffle(value: Any, seed: Any = None) -> list[Any]:
    """Return the items of a list in random order."""
    items = list(value)
    random.Random(seed).shuffle(items)  # noqa: S311 - no secret is made here
    return items


FILTERS: dict[str, Callable[..., Any]] = {
    "combine": combine,
    "dict2items": split_items,
    "extract": extract,
    "flatten": flatten,
    "from_json": from_json,
    "from_yaml": from_yaml,
    "items2dict": join_items,
    "random": pick,
    "rekey_on_member": rekey_on_member,
    "shuffle": shuffle,
    "subelements": pair_subelements,
    "to_json": to_json,
    "to_nice_json": to_nice_json,
    "to_nice_yaml": to_nice_yaml,
    "to_yaml": to_yaml,
}
