"""The form of a kind of resources on the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from provision.linux.agent.journal import Journal
from provision.linux.agent.memory import Entry


def _leave(entry: Entry, journal: Journal, purge: bool) -> None:
    pass


@dataclass(frozen=True)
class Kind:
    """A kind of resources.

    ``steps``: how the steps of this kind are taken, by their forms. ``objects``: its kinds in the
    manifest, which ``take_back`` restores or removes. observe.py reads their states.
    """

    steps: Mapping[type, Callable[[Any, Journal], None]] = field(default_factory=dict)
    objects: tuple[str, ...] = ()
    take_back: Callable[[Entry, Journal, bool], None] = _leave
