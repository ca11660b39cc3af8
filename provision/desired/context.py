"""The interface between roles and the rest: the context that a role gets, and what it may offer.

A role is a module of ``roles/`` with ``NAME``, ``PREFIX`` and ``Settings`` (see :class:`Role`). It has
either ``resources`` or ``blocks``, and any of the optional hooks below. All of them are pure: the same
context gives the same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from banstitch_shared.addresses import is_address

from provision.errors import Problem
from provision.fortios.config.desired import CliBlock
from provision.fortios.config.facts import Facts, assume_facts
from provision.fortios.config.text import Tree
from provision.fortios.config.versions import NEWEST
from provision.inventory.variables import Where
from provision.linux.kinds.resource import Resource
from provision.sites.settings import Role, RoleSettings
from provision.sites.site import BanHost, FortiGate, Site

if TYPE_CHECKING:
    from provision.linux.agent.protocol.requests import ReadStatus, SelfTest

# Shown in place of the certificate of a CA that the ban host has not created yet.
CA_NOT_MADE_YET = "(CA certificate, made at first apply)"
_BY_NAME = "(secret "

# The facts of a FortiGate that has not been contacted.
UNKNOWN = assume_facts(NEWEST)

S = TypeVar("S", bound=RoleSettings)


@dataclass(frozen=True)
class Context:
    """One host of one site, as a role sees it.

    ``tokens`` and ``ca`` (PEM) come from the site's ban host; both are empty before the first apply.
    ``facts``: the version and VDOMs of the FortiGate, observed or assumed. ``own``: its own settings that
    roles asked for, by path, as it showed them; None before it was asked.
    """

    site: Site
    host: BanHost | FortiGate
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    facts: Facts = UNKNOWN
    ca: str = ""
    own: Mapping[str, Tree] | None = None

    def get_settings(self, role: str, model: type[S]) -> S:
        """Return the settings of ``role`` for the host itself."""
        return _find_settings(self.host, role, model)

    def get_ban_host_settings(self, role: str, model: type[S]) -> S:
        """Return the settings of ``role`` for the site's ban host, which its FortiGates follow."""
        return _find_settings(self.site.ban_host, role, model)

    def get_token(self, name: str) -> str:
        """Return the secret of that name, or a placeholder with the name if it is unknown."""
        return self.tokens.get(name, f"{_BY_NAME}{name})")

    def build_problem(self, setting: str, message: str, remedy: str, *others: str) -> Problem:
        """Return a problem of the host's own ``setting``, at the line that sets it, or else at the host's.

        ``others``: further settings that the problem is about; the first one that is set gives the place.
        """
        lines = map(self.host.where.get, (setting, *others, "inventory_hostname"))
        place = next(filter(None, lines), Where(self.host.name))
        return replace(place.problem(message, remedy), hosts=(self.host.name,))

    def list_site_addresses(self) -> tuple[str, ...]:
        """Return the addresses of the site's own hosts, without those that are known by name only."""
        logins = [self.site.ban_host.login, *(host.login for host in self.site.fortigates)]
        return tuple(dict.fromkeys(x.address for x in logins if is_address(x.address)))


def _find_settings(host: BanHost | FortiGate, role: str, model: type[S]) -> S:
    """Return the settings of ``role``; a host that does not have the role gets the defaults."""
    settings = host.settings.get(role) or model()
    if not isinstance(settings, model):
        raise TypeError(f"settings of role {role} are {type(settings)}, not {model}")
    return settings


@runtime_checkable
class LinuxRole(Role, Protocol):
    """A role for ban hosts."""

    def resources(self, context: Context) -> Sequence[Resource]:
        """Return the resources of the ban host, in the order in which they are created."""


@runtime_checkable
class FortiosRole(Role, Protocol):
    """A role for FortiGates."""

    def blocks(self, context: Context) -> Sequence[CliBlock]:
        """Return the CLI blocks of the FortiGate, in dependency order."""


@runtime_checkable
class SelfTestHook(Protocol):
    """A role that can test the loop."""

    def self_test(self, context: Context) -> SelfTest | None:
        """Return the request for the agent's synthetic event; None if no detection is enabled."""


@dataclass(frozen=True)
class StatusSource:
    """The place of the receiver's metrics; ``page``: the status page for a browser, empty if it is off.

    ``peers``: group and name of each site whose bans are taken.
    """

    request: ReadStatus
    page: str = ""
    peers: tuple[tuple[str, str], ...] = ()


@runtime_checkable
class StatusHook(Protocol):
    """A role that knows where the ban host serves its metrics."""

    def status(self, context: Context) -> StatusSource:
        """Return the place, and the request by which the agent reads them."""


@runtime_checkable
class AlarmsHook(Protocol):
    """A role that knows which service of the ban host raises alarms."""

    def alarms_unit(self, context: Context) -> str:
        """Return the unit; empty if alarms are off."""


@runtime_checkable
class ShieldHook(Protocol):
    """A role that decides on a FortiGate what the feed denies."""

    def check_shield(self, context: Context) -> Sequence[Problem]:
        """Return why a shield in the feed would deny more than VPNs."""


@runtime_checkable
class ReplayHook(Protocol):
    """A role that decides on the ban host which events count, or whom they ban."""

    def replay(self, context: Context) -> Mapping[str, Any]:
        """Return its part of what `provision.replay.replay.read_site_rules` reads."""


@runtime_checkable
class SummaryHook(Protocol):
    """A role that describes its settings before a first apply."""

    def summary(self, context: Context) -> Iterable[str]:
        """Return the lines to print."""


@runtime_checkable
class ReviewHook(Protocol):
    """A role that looks at settings of a FortiGate that nobody changes here."""

    def list_settings_to_read(self, context: Context) -> Sequence[str]:
        """Return the paths of single objects, such as `system global`."""

    def review(self, context: Context, shown: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
        """Return warnings about those that were shown; ``shown``: path to attributes and defaults."""


@runtime_checkable
class OwnSettingsHook(Protocol):
    """A role whose blocks depend on settings of the FortiGate, which `Context.own` holds."""

    def list_own_settings(self, context: Context) -> Sequence[str]:
        """Return their paths, and the ids of all objects that the blocks may then have."""


@runtime_checkable
class VdomHook(Protocol):
    """A role that chooses the VDOM for what does not belong to the FortiGate as a whole."""

    def vdom(self, context: Context) -> str:
        """Return its name."""


@runtime_checkable
class VdomsHook(Protocol):
    """A role whose settings name further VDOMs."""

    def vdoms(self, context: Context) -> Sequence[str]:
        """Return their names."""


def has_placeholder(text: str) -> bool:
    """Return whether ``text`` names something that the ban host has not created yet."""
    return _BY_NAME in text or CA_NOT_MADE_YET in text


def format_url_host(address: str) -> str:
    """Return ``address`` as it is written in a URL: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address
