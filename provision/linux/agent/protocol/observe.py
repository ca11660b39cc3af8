"""The request to observe, apart from the others: a look at a host needs no other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

from provision.linux.agent.protocol.state import Observed

Answer = TypeVar("Answer", covariant=True)


class Request(Generic[Answer]):
    """A request to the agent; ``do`` is its name on the wire."""

    do: ClassVar[str]


@dataclass(frozen=True)
class ServiceQuestion:
    """A unit to observe; `kinds/service.py` describes ``answers`` and ``listens``."""

    name: str
    answers: str
    certificate: str
    listens: str


@dataclass(frozen=True)
class Observe(Request[Observed]):
    """Observe everything that is named, and every object of the manifest.

    ``desired``: maps some of ``paths`` to the SHA-256 of the desired content, which is then left out of the
    answer. ``logs``: those of ``paths`` whose content is not read. ``sealed``: files of key and certificate,
    each with that of the CA that should have signed it. ``spools``: folders with the bans of jails.
    ``tokens``: the file of secrets, empty if there should be none.
    """

    do: ClassVar[str] = "observe"
    paths: list[str] = field(default_factory=list)
    desired: dict[str, str] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    services: list[ServiceQuestion] = field(default_factory=list)
    sealed: dict[str, str] = field(default_factory=dict)
    jails: list[str] = field(default_factory=list)
    spools: list[str] = field(default_factory=list)
    tokens: str = ""
