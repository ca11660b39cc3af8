"""Read the settings file of the page, which the inventory renders and root owns.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

PATH = "/etc/banstitch/page.json"
# What a user may do: look, free addresses, and see and end the sessions of others.
VIEWER, SUPPORT, ADMIN = ROLES = ("viewer", "support", "admin")


class User(NamedTuple):
    """A person. Without a password they come through the proxy only."""

    role: str
    password: str

    @property
    def may_act(self) -> bool:
        """Return whether they may free addresses."""
        return self.role in (SUPPORT, ADMIN)


class Settings(NamedTuple):
    """The settings. Paths are absolute; times in seconds; addresses as texts."""

    users: Mapping[str, User]
    fortigates: tuple[str, ...]
    jails: tuple[str, ...]
    ipv6_prefix: int
    # the URL that a reverse proxy serves; empty: the page's own
    url: str
    # the header in which a proxy names the user, and the proxies that may; empty: none
    header: str
    proxies: tuple[str, ...]
    idle: int
    longest: int
    # acts of a user within an hour
    acts: int
    spool: str = "/var/spool/banstitch"
    logs: str = "/var/log/banstitch"
    rules_memory: str = "/var/lib/banstitch-rules"
    counts: str = "/run/banstitch/counts"
    # what the receiver denies for other sites; empty: no bans are shared
    shared: str = ""
    # sessions and attempts to log in
    state: str = "/run/banstitch-page/state.db"
    # requests to root, and what root says about them
    requests: str = "/var/spool/banstitch-page"
    answers: str = "/var/spool/banstitch"


def read_settings(path: str = PATH) -> Settings:
    """Return the settings. Raises OSError, ValueError, LookupError, TypeError: there are none."""
    with open(path, encoding="utf-8") as stream:
        found = json.load(stream)
    users = {name: User(each["role"], each["password"]) for name, each in found["users"].items()}
    lists = {name: tuple(found[name]) for name in ("fortigates", "jails", "proxies")}
    return Settings(**{**found, **lists, "users": users})
