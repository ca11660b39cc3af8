"""Settings of a site as a whole: when it may be changed, and in which wave. Its ban host has them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, PlainValidator

from provision.errors import Problem
from provision.inventory.loader import Host
from provision.sites.settings import RoleSettings
from provision.sites.windows import Windows, parse_windows

NAME = "site"
PREFIX = "site_"
# The likeness from which a name is taken for a typo. Inventories have names of their own with this prefix.
_LIKE = 0.85


class Settings(RoleSettings):
    """Settings of the time and the order in which sites are changed."""

    site_wave: Annotated[int, Field(ge=0, le=100)] = Field(
        default=0,
        description="number of the wave to which the site belongs in a run with --waves; a number beyond"
        " the last wave means the last; 0: by its place in the inventory",
    )
    site_window: Annotated[Windows, PlainValidator(parse_windows)] = Field(
        default=(),
        description="times in which apply and teardown may change the site, such as"
        " Sat 01:00-05:00 Europe/Berlin or Mon-Fri 22:00-04:00 UTC, separated by commas; empty: always",
    )


def find_doubts(host: Host) -> Iterator[Problem]:
    """Yield a warning for each variable of a ban host that looks like a misspelt setting of a site."""
    for name, variable in host.variables.items():
        if name.startswith(PREFIX) and name not in Settings.model_fields:
            for near in difflib.get_close_matches(name, Settings.model_fields, 1, _LIKE):
                yield variable.where.problem(f"{name} has no effect", f"did you mean {near}?")


def find_misplaced(fortigate: Host, ban_host: Host) -> Iterator[Problem]:
    """Yield a problem for each setting that a FortiGate has and its ban host does not have."""
    for name in Settings.model_fields:
        own, ruling = fortigate.variables.get(name), ban_host.variables.get(name)
        if own and (ruling is None or ruling.value != own.value):
            message = f"{name} of {fortigate.name} has no effect"
            yield own.where.problem(
                message, f"set it for {ban_host.name}, the ban host of its site"
            )
