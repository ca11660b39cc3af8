"""Settings of roles: pydantic models whose errors an operator can act on.

Only variables with the prefix of a role are read, and those strictly: a misspelt one is an error, and
never silently replaced by a default.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from pydantic import (
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from provision.errors import InputError, Problem
from provision.inventory.expressions import Scope
from provision.inventory.variables import OMIT, Variables, Where, is_secret_name, suggest_name
from provision.masking import SHORTEST
from provision.sites.setting_errors import (
    A_YES_NO,
    TOO_SHORT,
    describe_error,
    describe_problem,
    walk_annotation,
)
from provision.sites.setting_types import Unquoted


class Strict(BaseModel):
    """A model that rejects unknown names; for blocks inside settings.

    A string of digits counts as a number (``-e`` and Jinja yield strings), a boolean never does.
    """

    # Settings of a part of a role, and of a role that no host has, are never validated by themselves.
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _reject_accidental_bool(cls, value: object, info: ValidationInfo) -> object:
        """Reject booleans: YAML reads ``off`` and ``yes`` as booleans, which Python treats as 0 and 1."""
        parts = set(walk_annotation(cls.model_fields[str(info.field_name)].annotation))
        if not isinstance(value, bool) or parts & {bool, object, Any}:
            return value
        for word in ("on", "yes", "true") if value else ("off", "no", "false"):
            if word in parts:
                return word
        raise Unquoted(A_YES_NO)

    @field_validator("*", mode="after")
    @classmethod
    def _check_secrets_can_be_masked(cls, value: object) -> object:
        """Reject secrets that are too short: masking them would hide ordinary words."""
        if any(len(secret) < SHORTEST for secret in find_secret_values(value)):
            raise Unquoted(TOO_SHORT)
        return value


class Doubt(NamedTuple):
    """A setting that works but should be written in another way."""

    setting: str
    what: str
    instead: str


class RoleSettings(Strict):
    """The base of every role's ``Settings``."""

    def list_doubts(self) -> Iterable[Doubt]:
        """Return the settings that an operator should write in another way."""
        return ()


class Role(Protocol):
    """A module ``roles/NAME.py``, as far as its settings are concerned."""

    @property
    def NAME(self) -> str:  # noqa: N802
        """The name by which ``site.py`` and errors call the role."""

    @property
    def PREFIX(self) -> str:  # noqa: N802
        """The beginning of each of its variables, such as ``receiver_``."""

    @property
    def Settings(self) -> type[RoleSettings]:  # noqa: N802
        """The model of its settings, whose field names are whole variable names."""


class Peer(NamedTuple):
    """A ban host as other sites of a group reach it."""

    name: str
    address: str
    port: int


@runtime_checkable
class OfferHook(Protocol):
    """A role by which a ban host becomes a peer of others."""

    def offer(
        self, name: str, address: str, settings: Mapping[str, RoleSettings]
    ) -> Mapping[str, Peer]:
        """Return {group: how others reach the host}; ``address`` is that of its login."""


def list_groups(
    roles: Iterable[Role], hosts: Iterable[tuple[str, str, Mapping[str, RoleSettings]]]
) -> dict[str, tuple[Peer, ...]]:
    """Return the members of each group, by name; ``hosts`` have a name, an address and settings."""
    hooks = [role for role in roles if isinstance(role, OfferHook)]
    groups: dict[str, list[Peer]] = {}
    for host in sorted(hosts, key=lambda host: host[0]):
        for hook in hooks:
            for group, peer in hook.offer(*host).items():
                groups.setdefault(group, []).append(peer)
    return {group: tuple(peers) for group, peers in groups.items()}


def read_settings(role: Role, scope: Scope, where: Where) -> RoleSettings:
    """Return the settings of ``role`` for the host of ``scope``, which is defined at ``where``.

    Raises:
        InputError: every setting that is missing, cannot be resolved, or has a wrong type or value.
    """
    given: dict[str, object] = {}
    problems: list[Problem] = []
    broken: set[str] = set()
    for name in role.Settings.model_fields:
        try:
            value = scope.get(name, OMIT)
            if value is not OMIT:
                given[name] = value
        except InputError as error:
            problems.extend(error.problems)
            broken.add(name)
    try:
        settings = _validate(role, given, scope.placeholders)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            name = str(detail["loc"][0]) if detail["loc"] else ""
            inside = detail.get("ctx", {}).get("error")
            if isinstance(inside, InputError):  # problems of a file that the value names
                problems.extend(inside.problems)
            elif not name:
                message = describe_error(detail)
                named = (each for each in given if re.search(rf"\b{each}\b", message))
                place = next(map(scope.locate, named), where)
                problems.append(place.problem(f"settings of role {role.NAME}: {message}"))
            elif name not in broken:
                place = scope.locate(name) if name in given else where
                secret = name in scope.secretive or is_secret_name(name)
                field = role.Settings.model_fields[name]
                problems.append(describe_problem(detail, field, given, place, secret))
    if problems:
        raise InputError(problems)
    return settings


def _validate(
    role: Role, given: Mapping[str, object], placeholders: Container[str]
) -> RoleSettings:
    """Return the settings; of the ``placeholders``, which are not values yet, a wrong one is left out."""
    try:
        return role.Settings.model_validate(given)
    except ValidationError as error:
        wrong = {str(step) for detail in error.errors() for step in detail["loc"][:1]}
        kept = {k: v for k, v in given.items() if k not in wrong or k not in placeholders}
        if len(kept) == len(given):
            raise
        return role.Settings.model_validate(kept)


def find_unknown_settings(roles: Iterable[Role], variables: Variables) -> Iterator[Problem]:
    """Yield a problem for each variable with a role's prefix that is not a setting of that role."""
    roles = tuple(roles)
    known = {field for role in roles for field in role.Settings.model_fields}
    for name, variable in variables.items():
        owners = [role for role in roles if name.startswith(role.PREFIX)]
        if owners and name not in known:
            role = max(owners, key=lambda owner: len(owner.PREFIX))
            fields = sorted(role.Settings.model_fields)
            hint = suggest_name(name, fields) or f"it has {', '.join(fields)}"
            yield variable.where.problem(f"unknown setting {name} in role {role.NAME}", hint)


def find_secret_values(value: object) -> Iterator[str]:
    """Yield every secret inside ``value``, at any depth."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from find_secret_values(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from find_secret_values(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from find_secret_values(item)
