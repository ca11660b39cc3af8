"""What follows from an event.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from typing import NamedTuple, Union


class Ban(NamedTuple):
    """One line of the rule log: a jail counts ``key``, because of an event of ``address``."""

    at: float
    jail: str
    key: str
    address: str
    fortigate: str


class Pardon(NamedTuple):
    """A login that speaks against a ban of ``source``."""

    at: float
    source: str
    user: str


class Alarm(NamedTuple):
    """A login from a source that had failed often before: perhaps a guessed password."""

    at: float
    source: str
    user: str
    failures: int


Outcome = Union[Ban, Pardon, Alarm]
