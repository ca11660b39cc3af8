"""The settings of the shield.

They belong to the role `shield`, and `receiver` reads them. They have a module of their own because
`shield` imports `receiver`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from provision.desired.context import Context
from provision.sites.setting_types import Networks
from provision.sites.settings import RoleSettings


def _read_switch(value: object) -> object:
    """Return `off` for the false that YAML reads it as."""
    return "off" if value is False else value


class Settings(RoleSettings):
    """The mode of the shield, and the networks that it never denies."""

    shield: Annotated[
        Literal["off", "alarm", "auto"],
        BeforeValidator(_read_switch),
        Field(
            description=(
                "off: the shield rises only on `shield on`; alarm: only report when it would rise; "
                "auto: while many unknown addresses fail, deny everybody but the networks of recent logins"
            )
        ),
    ] = "off"
    shield_networks: Annotated[
        Networks,
        Field(
            description=(
                "addresses and networks that the shield never denies, such as controllers "
                "and IPsec peers"
            )
        ),
    ] = ()


def find_mode(context: Context) -> str:
    """Return the mode of the shield at the site: off, alarm or auto."""
    return context.get_ban_host_settings("shield", Settings).shield
