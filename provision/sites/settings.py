"""Settings of roles: pydantic models whose errors an operator can act on.

A role is a module ``roles/NAME.py`` with ``PREFIX`` (``"receiver_"``) and a class ``Settings``, a
:class:`RoleSettings`, whose field names are whole variable names. Only variables with such a
prefix are looked at, and those strictly: a misspelt one is an error, never a default in silence.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

import roles
from provision.errors import InputError, Problem
from provision.inventory.expressions import Scope
from provision.inventory.variables import OMIT, Variables, Where, is_secret_name, suggest_name
from provision.masking import SHORTEST
from provision.sites.setting_errors import A_YES_NO, TOO_SHORT, explain, message, parts_of


class Strict(BaseModel):
    """A model that takes nothing it does not know; for blocks inside settings.

    A text of digits counts as a number (``-e`` and Jinja give texts), a yes/no never does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_accidental_bool(cls, value: object, info: ValidationInfo) -> object:
        """YAML reads ``off`` and ``yes`` as booleans, and Python takes those for 0 and 1."""
        parts = set(parts_of(cls.model_fields[str(info.field_name)].annotation))
        if not isinstance(value, bool) or parts & {bool, object, Any}:
            return value
        for word in ("on", "yes", "true") if value else ("off", "no", "false"):
            if word in parts:
                return word
        raise ValueError(A_YES_NO)

    @field_validator("*", mode="after")
    @classmethod
    def _secrets_can_be_masked(cls, value: object) -> object:
        """Masking a shorter value would blank out ordinary words."""
        if any(len(secret) < SHORTEST for secret in secret_values(value)):
            raise ValueError(TOO_SHORT)
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
    problems: list[Problem] = []
    for name in dict.fromkeys(names):
        try:
            loaded[name] = _load_role(name)
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    return loaded


def _load_role(name: str) -> Role:
    known = [module.name for module in pkgutil.iter_modules(roles.__path__)]
    if name not in known:
        hint = suggest_name(name, known) or f"there are {', '.join(sorted(known)) or 'none'}"
        raise InputError([Problem("site.py", 0, f"role {name} does not exist", hint)])
    module = importlib.import_module(f"roles.{name}")
    where = Where(f"roles/{name}.py")
    prefix, model = getattr(module, "PREFIX", ""), getattr(module, "Settings", None)
    if not prefix or not (isinstance(model, type) and issubclass(model, RoleSettings)):
        instead = "a role has PREFIX and class Settings(RoleSettings)"
        raise InputError([where.problem(f"{name} is no role", instead)])
    strays = [field for field in model.model_fields if not field.startswith(prefix)]
    if strays:
        raise InputError([where.problem(f"{', '.join(strays)} must start with {prefix}")])
    return Role(name, prefix, model, module)


def settings_for(role: Role, scope: Scope, where: Where) -> RoleSettings:
    """The settings of ``role`` for the host that ``scope`` belongs to, which stands at ``where``.

    Raises:
        InputError: every setting that is missing, cannot be resolved, or has a wrong type or value.
    """
    given: dict[str, object] = {}
    problems: list[Problem] = []
    broken: set[str] = set()
    for name in role.model.model_fields:
        try:
            value = scope.get(name, OMIT)
            if value is not OMIT:
                given[name] = value
        except InputError as error:
            problems.extend(error.problems)
            broken.add(name)
    try:
        settings = role.model.model_validate(given)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            name = str(detail["loc"][0]) if detail["loc"] else ""
            inside = detail.get("ctx", {}).get("error")
            if isinstance(inside, InputError):  # problems of a file that the value names
                problems.extend(inside.problems)
            elif not name:
                problems.append(where.problem(f"settings of role {role.name}: {message(detail)}"))
            elif name not in broken:
                place = scope.locate(name) if name in given else where
                secret = name in scope.secretive or is_secret_name(name)
                field = role.model.model_fields[name]
                problems.append(explain(detail, field, given, place, secret))
    if problems:
        raise InputError(problems)
    return settings


def unknown_settings(loaded: Mapping[str, Role], variables: Variables) -> Iterator[Problem]:
    """A problem for each variable that has a role's prefix and is no setting of that role."""
    known = {field for role in loaded.values() for field in role.model.model_fields}
    for name, variable in variables.items():
        owners = [role for role in loaded.values() if name.startswith(role.prefix)]
        if owners and name not in known:
            role = max(owners, key=lambda owner: len(owner.prefix))
            fields = sorted(role.model.model_fields)
            hint = suggest_name(name, fields) or f"it has {', '.join(fields)}"
            yield variable.where.problem(f"{name} is not a setting of role {role.name}", hint)


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
