"""The settings of a target in a few lines: what an operator wants to read before a first apply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel

from provision.desired.context import Context
from provision.masking import MASK
from provision.sites.builder import BAN_HOSTS, FORTIGATES, FortiGate, Play, Site
from provision.sites.settings import RoleSettings, load_roles, secret_values

_LONGEST = 60


def summary(site: Site, plays: Sequence[Play], unit: FortiGate | None = None) -> list[str]:
    """Return lines about the settings of the FortiGate ``unit``, or else of the ban host of ``site``.

    A role may describe its settings in ``summary(context)``. The last line lists the settings that
    differ from their defaults.
    """
    context = Context(site, unit or site.ban_host)
    group = FORTIGATES if unit else BAN_HOSTS
    lines, changed = list[str](), list[str]()
    for role in load_roles(
        name for play in plays if play.group == group for name in play.roles
    ).values():
        if hasattr(role.module, "summary"):
            lines += role.module.summary(context)
        changed += changed_settings(context.own(role.name, role.model))
    return [*lines, f"not the default: {'; '.join(changed)}"] if changed else lines


def changed_settings(settings: RoleSettings) -> Iterator[str]:
    """Return ``NAME VALUE`` for each setting that differs from its default; secrets are not shown."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value != field.get_default(call_default_factory=True):
            text = MASK if any(secret_values(value)) else _spelt(value)
            yield f"{name} {text if len(text) <= _LONGEST else text[: _LONGEST - 3] + '...'}"


def _spelt(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BaseModel):
        return _spelt(value.model_dump(exclude_none=True, exclude_defaults=True))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} ({_spelt(each)})" for name, each in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(_spelt, value))
    return " ".join(str(value).split())
