"""What a role is given, and the names that roles have to agree on.

A role is a module ``roles/NAME.py`` with PREFIX and Settings (see :mod:`provision.sites.settings`), and
either ``resources(context) -> tuple[Resource, ...]`` (Linux) or
``blocks(context) -> tuple[CliBlock, ...]`` (FortiOS). Both are pure: the same context gives the same result.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from provision.errors import Problem
from provision.fortios.config.versions import NEWEST, Facts, assume_facts
from provision.inventory.variables import Where
from provision.sites.builder import BanHost, FortiGate, Site
from provision.sites.settings import RoleSettings

USER = "banstitch"
ETC = "/etc/banstitch"
TOKENS = f"{ETC}/tokens.json"
# What the receiver may read of the tokens.
DIGESTS = f"{ETC}/digests.json"
# Key and certificate of the receiver, and of the CA that signs it.
CERTIFICATE = f"{ETC}/tls/server.pem"
AUTHORITY = f"{ETC}/tls/ca.pem"
LOG_DIRECTORY = "/var/log/banstitch"
EVENTS_LOG = f"{LOG_DIRECTORY}/events.log"
EVIDENCE = f"{LOG_DIRECTORY}/evidence.log"
REJECTED = f"{LOG_DIRECTORY}/rejected.log"
AUDIT = f"{LOG_DIRECTORY}/audit.log"
SPOOL = "/var/spool/banstitch"
# Stands for the certificate of a CA that the ban host has not made yet.
CA_NOT_MADE_YET = "(CA certificate, made at first apply)"
_BY_NAME = "(secret "

# A FortiGate that nobody asked.
UNKNOWN = assume_facts(NEWEST)

S = TypeVar("S", bound=RoleSettings)


@dataclass(frozen=True)
class Context:
    """One target of one site, and the tokens and the CA's certificate (``ca``, PEM) read from its ban
    host, empty before the first apply.

    ``unit``: what is known about the FortiGate, or assumed where it cannot be asked.
    """

    site: Site
    host: BanHost | FortiGate
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    unit: Facts = UNKNOWN
    ca: str = ""

    def own(self, role: str, model: type[S]) -> S:
        """The settings of ``role`` for the host itself."""
        return _settings(self.host, role, model)

    def of_ban_host(self, role: str, model: type[S]) -> S:
        """The settings of ``role`` for the site's ban host, which its FortiGates follow."""
        return _settings(self.site.ban_host, role, model)

    def token(self, name: str) -> str:
        """Return the secret of that name, or its name where it is not known."""
        return self.tokens.get(name, f"{_BY_NAME}{name})")

    def problem(self, setting: str, what: str, instead: str) -> Problem:
        """A problem of the host's own ``setting``, at the line of the inventory that sets it."""
        written = self.host.where if isinstance(self.host, FortiGate) else {}
        place = written.get(setting, Where(self.host.name))
        return place.problem(f"{self.host.name}: {what}", instead)

    def site_addresses(self) -> tuple[str, ...]:
        """The addresses of the site's own hosts, as far as the inventory gives them as numbers."""
        logins = [self.site.ban_host.login, *(unit.login for unit in self.site.fortigates)]
        return tuple(dict.fromkeys(x.address for x in logins if is_address(x.address)))


def _settings(host: BanHost | FortiGate, role: str, model: type[S]) -> S:
    """A host outside the play of ``role`` has the defaults."""
    settings = host.settings.get(role, model())
    if not isinstance(settings, model):
        raise TypeError(f"settings of role {role} are {type(settings)}, not {model}")
    return settings


def is_address(text: str) -> bool:
    """Whether ``text`` is an IPv4 or IPv6 address rather than a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def stands_for_more(text: str) -> bool:
    """Return whether ``text`` holds the name of something that the ban host has still to make."""
    return _BY_NAME in text or CA_NOT_MADE_YET in text


def host_part(address: str) -> str:
    """``address`` as it stands in a URL: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address
