"""The outcomes of an event: bans, pardons and alarms.

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
    """A login that contradicts a ban of ``source``."""

    at: float
    source: str
    user: str


class Alarm(NamedTuple):
    """A login from a source with many failures before it: the password may have been guessed."""

    at: float
    source: str
    user: str
    failures: int


Outcome = Union[Ban, Pardon, Alarm]
