"""A role that exists only in a test."""

from __future__ import annotations

from dataclasses import dataclass

from provision.sites.settings import RoleSettings


@dataclass(frozen=True)
class FakeRole:
    """What builds sites needs of a role."""

    NAME: str
    PREFIX: str
    Settings: type[RoleSettings]
