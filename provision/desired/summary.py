"""Summarize the settings of a target in a few lines, to print before a first apply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel

from provision.desired.context import Context, SummaryHook
from provision.masking import MASK
from provision.sites.settings import RoleSettings, find_secret_values
from provision.sites.site import BAN_HOSTS, FORTIGATES, FortiGate, Play, Site, list_roles

_LONGEST = 60


def summarize_settings(
    site: Site, plays: Sequence[Play], fortigate: FortiGate | None = None
) -> list[str]:
    """Return lines about the settings of ``fortigate``, or else of the ban host of ``site``.

    The last line lists the settings that differ from their defaults.
    """
    context = Context(site, fortigate or site.ban_host)
    lines, changed = list[str](), list[str]()
    for role in list_roles(plays, FORTIGATES if fortigate else BAN_HOSTS):
        if isinstance(role, SummaryHook):
            lines += role.summary(context)
        changed += list_changed_settings(context.get_settings(role.NAME, role.Settings))
    return [*lines, f"not the default: {'; '.join(changed)}"] if changed else lines


def list_changed_settings(settings: RoleSettings) -> Iterator[str]:
    """Yield ``NAME VALUE`` for each setting that differs from its default; secrets are not shown."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value != field.get_default(call_default_factory=True):
            text = MASK if any(find_secret_values(value)) else _format_value(value)
            yield f"{name} {text if len(text) <= _LONGEST else text[: _LONGEST - 3] + '...'}"


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BaseModel):
        return _format_value(value.model_dump(exclude_none=True, exclude_defaults=True))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} ({_format_value(item)})" for name, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(_format_value, value))
    return " ".join(str(value).split())
