"""Requests, steps and answers as JSON: a form is an object of its fields; ``do`` names its type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from provision.linux.agent.protocol.ids import ResourceId

Form = TypeVar("Form")


def dump(value: object, ascii_only: bool = True) -> str:
    """Return ``value``, or a form in it, as one line of JSON."""
    return json.dumps(value, default=encode, ensure_ascii=ascii_only)


def encode(value: object) -> object:
    """Return a form as a dict of its fields, which json can write, without copying them."""
    if isinstance(value, ResourceId):
        return str(value)
    do = getattr(value, "do", "")
    return {"do": do, **vars(value)} if do else vars(value)


def to_json(value: object) -> Any:
    """Return a form as plain JSON data."""
    return json.loads(dump(value))


def from_json(form: type[Form], value: Any) -> Form:
    """Return the form that :func:`to_json` wrote.

    Raises:
        KeyError, TypeError, AttributeError: ``value`` is of another form.
    """
    found: Form = _decode_form(form, value)
    return found


def _decode_form(form: Any, value: Any) -> Any:
    types = _read_types(form)
    fields = {name: _decode(types[name], each) for name, each in value.items() if name != "do"}
    return form(**fields)


@cache
def _read_types(form: Any) -> Mapping[str, object]:
    return get_type_hints(form)


def _decode(kind: Any, value: Any) -> Any:
    """Return ``value`` as a ``kind``: a type that a field of a form can have."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Union:
        return None if value is None else _decode(_choose(inner, value), value)
    if origin in (list, tuple):
        return origin(_decode(inner[0], each) for each in value)
    if origin is dict:
        return {key: _decode(inner[1], each) for key, each in value.items()}
    if kind is ResourceId:
        return ResourceId.parse(value)
    return _decode_form(kind, value) if is_dataclass(kind) else value


def _choose(kinds: tuple[Any, ...], value: Any) -> Any:
    """Return the member of a union that ``value`` has; for an optional type, that type."""
    tagged = {kind.do: kind for kind in kinds if hasattr(kind, "do")}
    return tagged[value["do"]] if tagged else kinds[0]
