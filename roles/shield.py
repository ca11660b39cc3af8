"""The shield: while many strange sources fail at once, deny all but the networks of recent logins.

It is off by default, because whoever logs in from a network never seen before is denied as well. In this
release only `replay` knows it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from provision.desired.context import Context
from provision.linux.kinds.resource import Resource
from provision.sites.setting_types import Networks
from provision.sites.settings import RoleSettings
from roles.detection.role import list_ignored

NAME = "shield"
PREFIX = "shield"


def _read_switch(value: object) -> object:
    """Return `off` for the false that YAML reads it as."""
    return "off" if value is False else value


class Settings(RoleSettings):
    """Whether the shield rises, and whom it never denies."""

    shield: Annotated[
        Literal["off", "alarm", "auto"],
        BeforeValidator(_read_switch),
        Field(
            description=(
                "off: never; alarm: report when it would rise; auto: deny everything but the networks "
                "of recent logins while many strange addresses fail"
            )
        ),
    ] = "off"
    shield_networks: Annotated[
        Networks, Field(description="addresses and networks that the shield never denies")
    ] = ()


def list_spared(context: Context) -> list[str]:
    """Return the networks that the shield spares beside those of logins."""
    own = context.get_settings("shield", Settings)
    return [*list_ignored(context), *map(str, own.shield_networks)]


def resources(_: Context) -> tuple[Resource, ...]:
    """Return nothing yet of its own."""
    return ()


def replay(context: Context) -> dict[str, object]:
    """Return the mode of the shield, and whom it spares."""
    return {
        "shield": context.get_settings("shield", Settings).shield,
        "spared": list_spared(context),
    }
