"""Turn pydantic's errors into problems of settings: where, what, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from provision.errors import Problem
from provision.inventory.variables import Where
from provision.masking import SHORTEST
from provision.sites.setting_types import NOT_EXPECTED, Expected, Unquoted, spell_duration

A_YES_NO = "YAML reads it as true or false; put quotes around it if it is meant as a string"
TOO_SHORT = f"it is shorter than {SHORTEST} characters and cannot be masked"
_LONGEST_SHOWN = 60
# pydantic's step to a name, where that is wrong, and not what stands below it
_KEY = "[key]"
_LIST, _STRING = "a list", "a string, in quotes"
# An error does not ask for one of these if the value is one already.
_SUCH_VALUES = {_LIST: list, _STRING: str}


def describe_problem(
    detail: ErrorDetails, field: FieldInfo, given: Mapping[str, object], where: Where, secret: bool
) -> Problem:
    """Return what is wrong with the setting ``field``, and what belongs there.

    ``given``: all values, by name. ``where``: the place of this one. ``secret``: nothing of it is quoted.
    """
    name, *steps = (step for step in detail["loc"] if not _is_tag(step))
    name = str(name)
    secret = secret or SecretStr in walk_annotation(field.annotation)
    inner = list(_walk_fields(field, steps))
    if secret:  # an unknown name may be a secret in the wrong place
        steps = steps[: len(inner)]
    is_key, steps = steps[-1:] == [_KEY], [step for step in steps if step != _KEY]
    label = name + "".join(map(_format_step, steps))
    is_known = len(inner) == len(steps) and not is_key
    expected = _describe_expected([field, *inner][-1], nested=bool(steps)) if is_known else ""
    note = _describe_meaning(next((f for f in reversed(inner) if f.description), field))
    if detail["type"] == "missing":
        return where.problem(f"{label} is not set", _suggest(expected, note))
    if is_key or detail["type"] == "extra_forbidden":
        return where.problem(*_describe_unknown(label, detail, secret))
    value = _find_part(given[name], steps)
    got = "" if secret else f" (got {_quote(value)})"
    must = _describe_rule(detail, expected)
    if must:
        return where.problem(f"{label} must be {must}{got}", note)
    if isinstance(value, _SUCH_VALUES.get(expected, ())):
        expected = ""
    return where.problem(
        f"{label}: {describe_error(detail, secret)}{got}", _suggest(expected, note)
    )


def _describe_unknown(label: str, detail: ErrorDetails, secret: bool) -> tuple[str, str]:
    """Return what is wrong with the name of a part of a setting, and what to do."""
    if secret:
        return f"{label} has a name that is unknown here", "remove it or correct it"
    known = detail.get("ctx", {}).get("expected")
    remedy = f"write {known}" if known else "remove it or correct its name"
    return f"{label} is unknown here", remedy


def _walk_fields(field: FieldInfo, steps: Iterable[int | str]) -> Iterator[FieldInfo]:
    """Yield the field of each step into a setting, as far as they are known."""
    for step in steps:
        found = next(_find_inner(field, step), None)
        if found is None:
            return
        yield found
        field = found


def _find_inner(field: FieldInfo, step: int | str) -> Iterator[FieldInfo]:
    kind, _ = _unwrap_type(field)
    members = (
        get_args(part)[0] if get_origin(part) is Annotated else part for part in get_args(kind)
    )
    for part in (kind, *members):  # the type itself, or a member of a union
        is_entry = isinstance(step, int) and get_origin(part) in (tuple, list)
        if is_entry or get_origin(part) is dict:
            yield FieldInfo.from_annotation(get_args(part)[0 if is_entry else 1])
        elif isinstance(part, type) and issubclass(part, BaseModel) and step in part.model_fields:
            yield part.model_fields[str(step)]


def _is_tag(step: int | str) -> bool:
    """Return whether a step is pydantic's own: the tag of a member of a union."""
    return isinstance(step, str) and step.startswith("<")


def _format_step(step: int | str) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{step}"


def _find_part(value: Any, steps: Iterable[int | str]) -> object:
    """Return the part of ``value`` that an error is about."""
    for step in steps:
        try:
            value = value[step]
        except (TypeError, LookupError):  # a step of pydantic's own, such as a member of a union
            break
    return value


def _quote(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


_TYPES = {
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": _STRING,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
_BOUNDS = {"ge": "{} or more", "gt": "above {}", "le": "{} or less", "lt": "below {}"}


def _describe_rule(detail: ErrorDetails, expected: str) -> str:
    """Return what the value must be; empty if the error has a message of its own."""
    context = detail.get("ctx", {})
    if isinstance(context.get("error"), ValueError):
        return expected if str(context["error"]) == NOT_EXPECTED else ""
    if detail["type"] == "string_pattern_mismatch":
        return expected if expected != _STRING else ""
    if detail["type"] == "literal_error":
        return expected or str(context["expected"])
    bounds = [text.format(context[bound]) for bound, text in _BOUNDS.items() if bound in context]
    if detail["type"] not in _TYPES and not bounds:
        return ""
    return expected or _TYPES.get(detail["type"], "") or bounds[0]


def describe_error(detail: ErrorDetails, secret: bool = False) -> str:
    """Return the message of an error; an error about a secret does not quote it."""
    context = detail.get("ctx", {})
    if isinstance(context.get("error"), ValueError):
        message = str(context["error"])
        may_be_shown = isinstance(context["error"], Unquoted) or not secret
        return message if may_be_shown else NOT_EXPECTED
    message = detail["msg"]
    return message[:1].lower() + message[1:]


def _suggest(expected: str, note: str) -> str:
    if not expected:
        return note
    return f"write {expected}" + (f" ({note})" if note else "")


def _describe_meaning(field: FieldInfo) -> str:
    """Return the description of ``field`` and its default."""
    notes = [field.description or ""]
    if not field.is_required() and isinstance(field.default, str | int) and field.default != "":
        notes.append(f"default {spell_value(field, field.default)}")
    return ", ".join(filter(None, notes))


def _describe_expected(field: FieldInfo, nested: bool) -> str:
    kind, marks = _unwrap_type(field)
    for mark in marks:
        if isinstance(mark, Expected):
            bounds = _describe_bounds(marks) if mark.is_time else ""
            return f"{mark.what},{bounds}" if bounds else mark.what
    if get_origin(kind) is Literal:
        return " or ".join(str(word) for word in get_args(kind))
    if get_origin(kind) in (tuple, list):
        return _LIST
    if kind is int:
        return "an integer" + _describe_bounds(marks)
    if kind is bool:
        return "true or false"
    # what a part of a setting must be stands in its error
    return _STRING if kind in (str, SecretStr) and not nested else ""


def _unwrap_type(field: FieldInfo) -> tuple[object, list[object]]:
    """Return the type of a field without ``| None``, and what is attached to it (bounds, Expected)."""
    kind, marks = field.annotation, list(field.metadata)
    some = [part for part in get_args(kind) if part is not type(None)]
    if len(some) == 1 and type(None) in get_args(kind):
        kind = some[0]
    if get_origin(kind) is Annotated:
        kind, *inner = get_args(kind)
        for mark in inner:
            marks += [*getattr(mark, "metadata", ()), mark]
    return kind, marks


def describe_range(field: FieldInfo) -> str:
    """Return the range of a number, such as ``from 1 to 65535``; empty for other settings."""
    return _describe_bounds(_unwrap_type(field)[1]).strip()


def _describe_bounds(marks: Sequence[object]) -> str:
    words = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}
    return "".join(
        " " + text.format(_spell(marks, getattr(mark, bound)))
        for bound, text in words.items()
        for mark in marks
        if getattr(mark, bound, None) is not None
    )


def spell_value(field: FieldInfo, value: object) -> str:
    """Return a value of ``field`` as an operator writes it: ``10m``, ``true``, ``5000``."""
    return _spell(_unwrap_type(field)[1], value)


def _spell(marks: Iterable[object], value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    is_time = any(isinstance(mark, Expected) and mark.is_time for mark in marks)
    return spell_duration(value) if is_time and isinstance(value, int) else str(value)


def walk_annotation(annotation: object) -> Iterator[object]:
    """Yield an annotation and everything inside it: types, fields of blocks, the words of a Literal."""
    yield annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for field in annotation.model_fields.values():
            yield from walk_annotation(field.annotation)
    for part in get_args(annotation):
        yield from walk_annotation(part)
