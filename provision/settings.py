"""Settings of roles: pydantic models whose errors become faults that an operator can act on.

A role is a module ``roles/NAME.py`` with ``PREFIX`` (``"receiver_"``) and a class ``Settings``, a
:class:`RoleSettings`, whose field names are whole variable names. Only variables with such a
prefix are looked at, and those strictly: a misspelt one is a fault, never a default in silence.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

import roles
from provision.errors import Fault, InputError
from provision.inventory.expressions import Scope
from provision.inventory.variables import OMIT, Variables, Where, looks_secret, suggestion
from provision.secrets import SHORTEST
from provision.setting_types import Expected

_LONGEST_SHOWN = 60
_A_YES_NO = "is a yes/no; put quotes around it if it is meant as a text"
_TOO_SHORT = f"is shorter than {SHORTEST} characters and cannot be kept secret"
# What may be printed of a value that may be a secret.
_QUOTING_NOTHING = (_A_YES_NO, _TOO_SHORT)


class Strict(BaseModel):
    """A model that takes nothing it does not know; for blocks inside settings.

    A text of digits counts as a number (``-e`` and Jinja give texts), a yes/no never does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_accidental_bool(cls, value: object, info: ValidationInfo) -> object:
        """YAML reads ``off`` and ``yes`` as booleans, and Python takes those for 0 and 1."""
        parts = set(_parts(cls.model_fields[str(info.field_name)].annotation))
        if not isinstance(value, bool) or parts & {bool, object, Any}:
            return value
        for word in ("on", "yes", "true") if value else ("off", "no", "false"):
            if word in parts:
                return word
        raise ValueError(_A_YES_NO)

    @field_validator("*", mode="after")
    @classmethod
    def _secrets_can_be_masked(cls, value: object) -> object:
        """Masking a shorter value would blank out ordinary words."""
        if any(len(secret) < SHORTEST for secret in secret_values(value)):
            raise ValueError(_TOO_SHORT)
        return value


class RoleSettings(Strict):
    """The base of every role's ``Settings``."""


@dataclass(frozen=True)
class Role:
    """A role as loaded: its name, the prefix of its variables, its model and its module."""

    name: str
    prefix: str
    model: type[RoleSettings]
    module: ModuleType


def load_roles(names: Iterable[str]) -> dict[str, Role]:
    """The roles of these names from ``roles/``.

    Raises:
        InputError: a role that does not exist or is none, all of them at once.
    """
    loaded: dict[str, Role] = {}
    faults: list[Fault] = []
    for name in dict.fromkeys(names):
        try:
            loaded[name] = _load_role(name)
        except InputError as error:
            faults.extend(error.faults)
    if faults:
        raise InputError(faults)
    return loaded


def _load_role(name: str) -> Role:
    known = [module.name for module in pkgutil.iter_modules(roles.__path__)]
    if name not in known:
        hint = suggestion(name, known) or f"there are {', '.join(sorted(known)) or 'none'}"
        raise InputError([Fault("site.py", 0, f"role {name} does not exist", hint)])
    module = importlib.import_module(f"roles.{name}")
    where = Where(f"roles/{name}.py")
    prefix, model = getattr(module, "PREFIX", ""), getattr(module, "Settings", None)
    if not prefix or not (isinstance(model, type) and issubclass(model, RoleSettings)):
        instead = "a role has PREFIX and class Settings(RoleSettings)"
        raise InputError([where.fault(f"{name} is no role", instead)])
    strays = [field for field in model.model_fields if not field.startswith(prefix)]
    if strays:
        raise InputError([where.fault(f"{', '.join(strays)} must start with {prefix}")])
    return Role(name, prefix, model, module)


def settings_for(role: Role, scope: Scope, where: Where) -> RoleSettings:
    """The settings of ``role`` for the host that ``scope`` belongs to, which stands at ``where``.

    Raises:
        InputError: every setting that is missing, cannot be resolved, or has a wrong type or value.
    """
    given: dict[str, object] = {}
    faults: list[Fault] = []
    broken: set[str] = set()
    for name in role.model.model_fields:
        try:
            value = scope.get(name, OMIT)
            if value is not OMIT:
                given[name] = value
        except InputError as error:
            faults.extend(error.faults)
            broken.add(name)
    try:
        settings = role.model.model_validate(given)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            name = str(detail["loc"][0]) if detail["loc"] else ""
            inside = detail.get("ctx", {}).get("error")
            if isinstance(inside, InputError):  # faults of a file that the value names
                faults.extend(inside.faults)
            elif name not in broken:
                place = scope.where(name) if name in given else where
                secret = name in scope.secretive or looks_secret(name)
                faults.append(_fault(role, name, detail, given, place, secret))
    if faults:
        raise InputError(faults)
    return settings


def unknown_settings(loaded: Mapping[str, Role], variables: Variables) -> Iterator[Fault]:
    """A fault for each variable that has a role's prefix and is no setting of that role."""
    known = {field for role in loaded.values() for field in role.model.model_fields}
    for name, variable in variables.items():
        owners = [role for role in loaded.values() if name.startswith(role.prefix)]
        if owners and name not in known:
            role = max(owners, key=lambda owner: len(owner.prefix))
            fields = sorted(role.model.model_fields)
            hint = suggestion(name, fields) or f"it has {', '.join(fields)}"
            yield variable.where.fault(f"{name} is no setting of role {role.name}", hint)


def secret_values(value: object) -> Iterator[str]:
    """Every secret inside settings, however deep."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secret_values(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secret_values(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from secret_values(item)


def _parts(annotation: object) -> Iterator[object]:
    """An annotation and everything inside it: types, fields of blocks, the words of a Literal."""
    yield annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for field in annotation.model_fields.values():
            yield from _parts(field.annotation)
    for part in get_args(annotation):
        yield from _parts(part)


def _fault(
    role: Role,
    name: str,
    detail: ErrorDetails,
    given: Mapping[str, object],
    where: Where,
    secret: bool,
) -> Fault:
    if not name:
        return where.fault(f"settings of role {role.name}: {_message(detail)}")
    field = role.model.model_fields[name]
    steps = detail["loc"][1:]
    secret = secret or SecretStr in _parts(field.annotation)
    label = name if secret else name + "".join(map(_step, steps))
    instead = _instead(field, nested=bool(steps))
    if detail["type"] == "missing":
        return where.fault(f"{label} is not set", instead)
    if detail["type"] == "extra_forbidden":
        return where.fault(f"{label} is unknown here", "take it out or correct its name")
    if secret:
        return where.fault(f"{label}: {_message(detail, secret)}", instead)
    shown = _shown(_found(given[name], steps))
    return where.fault(f"{label}{shown}: {_message(detail)}", instead)


def _step(step: int | str) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{step}"


def _found(value: Any, steps: Iterable[int | str]) -> object:
    """The part of ``value`` that an error is about."""
    for step in steps:
        try:
            value = value[step]
        except (TypeError, LookupError):  # a step of pydantic's own, such as a member of a union
            break
    return value


def _shown(value: object) -> str:
    text = repr(value)
    cut = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
    return f" is {cut}"


_MESSAGES = {
    "int_type": "no whole number",
    "int_parsing": "no whole number",
    "int_from_float": "no whole number",
    "bool_type": "neither true nor false",
    "bool_parsing": "neither true nor false",
    "string_type": "no text",
    "tuple_type": "no list",
    "list_type": "no list",
    "dict_type": "no mapping",
    "model_type": "no mapping",
}


def _message(detail: ErrorDetails, secret: bool = False) -> str:
    context = detail.get("ctx", {})
    if isinstance(context.get("error"), ValueError):
        own = str(context["error"])
        return own if not secret or own in _QUOTING_NOTHING else "it is not valid"
    if detail["type"] == "literal_error":
        return f"not one of {context['expected']}"
    for bound, word in (("ge", "below"), ("gt", "not above"), ("le", "above"), ("lt", "not below")):
        if bound in context:
            return f"{word} {context[bound]}"
    message = detail["msg"]
    return _MESSAGES.get(detail["type"], message[:1].lower() + message[1:])


def _instead(field: FieldInfo, nested: bool) -> str:
    """What belongs into ``field``, with its meaning and default."""
    expected = _expected(field, nested)
    notes = [field.description or ""]
    if not field.is_required() and isinstance(field.default, str | int) and field.default != "":
        notes.append(f"default {field.default}")
    note = ", ".join(filter(None, notes))
    if not expected:
        return note
    return f"write {expected}" + (f" ({note})" if note else "")


def _expected(field: FieldInfo, nested: bool) -> str:
    kind, marks = _kind(field)
    if nested:  # an entry of a list
        marks = [mark for part in get_args(kind) for mark in getattr(part, "__metadata__", ())]
    for mark in marks:
        if isinstance(mark, Expected):
            return mark.what
    if nested:
        return ""
    if get_origin(kind) is Literal:
        return " or ".join(str(word) for word in get_args(kind))
    if get_origin(kind) in (tuple, list):
        return "a list"
    if kind is int:
        return "a whole number" + _bounds(marks)
    if kind is bool:
        return "true or false"
    return "a text, in quotes" if kind in (str, SecretStr) else ""


def _kind(field: FieldInfo) -> tuple[object, list[object]]:
    """The type of a field without ``| None``, and what is attached to it (bounds, Expected)."""
    kind, marks = field.annotation, list(field.metadata)
    some = [part for part in get_args(kind) if part is not type(None)]
    if len(some) == 1 and type(None) in get_args(kind):
        kind = some[0]
    if get_origin(kind) is Annotated:
        kind, *inner = get_args(kind)
        for mark in inner:
            marks += [*getattr(mark, "metadata", ()), mark]
    return kind, marks


def _bounds(marks: Iterable[object]) -> str:
    words = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}
    return "".join(
        " " + text.format(getattr(mark, bound))
        for bound, text in words.items()
        for mark in marks
        if getattr(mark, bound, None) is not None
    )
