"""Build sites from the inventory, complete and checked before any host is contacted."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from banstitch_shared.addresses import is_address
from banstitch_shared.tokens import STATUS, VERIFY

from provision.errors import InputError, Problem
from provision.inventory.expressions import Scope
from provision.inventory.loader import Host, Inventory, build_scopes
from provision.inventory.lookups import Commands
from provision.inventory.variables import Vaulted, Where, suggest_name
from provision.masking import Secrets
from provision.sites import rollout_settings
from provision.sites.connection import read_login
from provision.sites.rollout_settings import find_misplaced
from provision.sites.settings import (
    find_secret_values,
    find_unknown_settings,
    list_groups,
    read_settings,
)
from provision.sites.site import (
    BAN_HOSTS,
    FORTIGATES,
    BanHost,
    FortiGate,
    Play,
    Settings,
    Site,
    list_roles,
)
from provision.sites.ways import is_place_known
from provision.ssh.login import Login
from provision.ssh.routing.ssh_config import Configs

# A FortiGate's name is its user name at the receiver and a part of URLs. FortiOS accepts 35 characters.
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
# Names of secrets and logins that belong to the site itself, so no FortiGate may have them.
RESERVED = (STATUS, VERIFY)
_LONGEST_NAME = {BAN_HOSTS: 253, FORTIGATES: 35}


def build_sites(
    inventory: Inventory,
    plays: Sequence[Play],
    secrets: Secrets,
    commands: Commands | None = None,
) -> tuple[Site, ...]:
    """Return every site of the inventory, by name; add all passwords to ``secrets``.

    ``commands`` runs those that values name; without it, placeholders stand for their output.

    Raises:
        InputError: every problem of every host at once.
    """
    inventory.keyring.prepare(_list_encrypted(inventory))
    builder = _Builder(inventory, build_scopes(inventory, commands), plays, secrets)
    built = builder.build()
    if builder.problems:
        raise InputError(builder.problems)
    return built


def _list_encrypted(inventory: Inventory) -> Iterator[str]:
    """Yield the encrypted values of all hosts that belong to sites."""
    for group in (BAN_HOSTS, FORTIGATES):
        for name in inventory.groups.get(group, ()):
            for variable in inventory.hosts[name].variables.values():
                if isinstance(variable.value, Vaulted):
                    yield variable.value.text


def _find_shared_addresses(
    inventory: Inventory, scopes: Mapping[str, Scope], targets: Sequence[BanHost | FortiGate]
) -> Iterator[Problem]:
    """Yield a problem for each target with the address and the port of an earlier one.

    Each of the two would undo the changes of the other.
    """
    seen: dict[tuple[object, ...], str] = {}
    for target in targets:
        if not is_place_known(scopes[target.name]):
            continue  # nothing was run, so there is no address yet
        login, key = target.login, target.login.place
        if key in seen:
            host = inventory.hosts[target.name]
            variable = host.variables.get("ansible_host")
            address = f"{login.destination.lower()} port {login.port}"
            message = f"{target.name} has the address of {seen[key]}: {address}"
            remedy = "correct ansible_host or ansible_port of one of them"
            where = variable.where if variable else host.where
            yield where.problem(message, remedy)
        seen.setdefault(key, target.name)


def _find_lines(host: Host) -> dict[str, Where]:
    """Return where each variable of a host was written, and its name."""
    lines = {name: variable.where for name, variable in host.variables.items()}
    return {**lines, "inventory_hostname": host.where}


@dataclass
class _Builder:
    """Builds the sites and collects the problems on the way."""

    inventory: Inventory
    scopes: Mapping[str, Scope]
    plays: Sequence[Play]
    secrets: Secrets
    problems: list[Problem] = field(default_factory=list)
    configs: Configs = field(default_factory=Configs)

    def build(self) -> tuple[Site, ...]:
        """Return the sites that could be built; they are complete only if there are no problems."""
        self._check_groups()
        ban_hosts = {host.name: host for host in self._build_ban_hosts()}
        fortigates = self._build_fortigates(ban_hosts)
        every_fortigate = (fortigate for of_site in fortigates.values() for fortigate in of_site)
        hosts: list[BanHost | FortiGate] = [*ban_hosts.values(), *every_fortigate]
        self.problems.extend(_find_shared_addresses(self.inventory, self.scopes, hosts))
        addresses = tuple(sorted({h.login.address for h in hosts if is_address(h.login.address)}))
        places = {name: place for place, name in enumerate(ban_hosts)}
        members = ((h.name, h.login.address, h.settings) for h in ban_hosts.values())
        groups = list_groups(list_roles(self.plays, BAN_HOSTS), members)
        return tuple(
            Site(
                name,
                ban_hosts[name],
                tuple(sorted(fortigates[name], key=lambda fortigate: fortigate.name)),
                addresses,
                places[name],
                self._read_rollout(self.inventory.hosts[name]),
                {g: p for g, p in groups.items() if any(peer.name == name for peer in p)},
            )
            for name in sorted(ban_hosts)
        )

    def _build_ban_hosts(self) -> Iterator[BanHost]:
        """Yield the ban hosts in the order of the inventory."""
        for host in self._list_members(BAN_HOSTS):
            login, settings = self._read_target(host, BAN_HOSTS)
            if login:
                doubts = (*self._list_doubts(host, settings), *rollout_settings.find_doubts(host))
                yield BanHost(host.name, login, settings, doubts, _find_lines(host))

    def _build_fortigates(self, ban_hosts: Container[str]) -> Mapping[str, Sequence[FortiGate]]:
        """Return the FortiGates of each of ``ban_hosts``."""
        found = defaultdict[str, list[FortiGate]](list)
        linux = frozenset(self._list_names(BAN_HOSTS))
        for host in self._list_members(FORTIGATES):
            if host.name in linux:
                continue  # already a problem; its other problems would only follow from it
            login, settings = self._read_target(host, FORTIGATES)
            ban_host = self._find_ban_host(host)
            if login and ban_host in ban_hosts:
                self.problems += find_misplaced(host, self.inventory.hosts[ban_host])
                found[ban_host].append(FortiGate(host.name, login, settings, _find_lines(host)))
        return found

    def _read_rollout(self, host: Host) -> rollout_settings.Settings:
        try:
            found = read_settings(rollout_settings, self.scopes[host.name], host.where)
            return cast(rollout_settings.Settings, found)
        except InputError as error:
            self._note(host, error.problems)
            return rollout_settings.Settings()

    def _note(self, host: Host, problems: Iterable[Problem]) -> None:
        self.problems.extend(replace(each, hosts=(host.name,)) for each in problems)

    def _list_doubts(self, host: Host, settings: Settings) -> Iterator[Problem]:
        for of_role in settings.values():
            for doubt in of_role.list_doubts():
                where = self.scopes[host.name].locate(doubt.setting)
                yield where.problem(f"{doubt.setting}: {doubt.what}", doubt.instead)

    def _list_names(self, group: str) -> tuple[str, ...]:
        return self.inventory.groups.get(group, ())

    def _list_members(self, group: str) -> list[Host]:
        return [self.inventory.hosts[name] for name in self._list_names(group)]

    def _check_groups(self) -> None:
        for play in self.plays:
            if play.group not in (BAN_HOSTS, FORTIGATES):
                remedy = f"write {BAN_HOSTS} or {FORTIGATES}"
                self.problems.append(Problem("site.py", 0, f"no play for {play.group}", remedy))
        if not self._list_names(BAN_HOSTS):
            others = set(self.inventory.groups) - {"all", "ungrouped", FORTIGATES, BAN_HOSTS}
            remedy = suggest_name(BAN_HOSTS, others) or "put your Linux hosts into it"
            source = Where(str(self.inventory.path))
            self.problems.append(source.problem(f"group {BAN_HOSTS} has no host", remedy))
        for name in sorted(set(self._list_names(BAN_HOSTS)) & set(self._list_names(FORTIGATES))):
            message = f"{name} is in {BAN_HOSTS} and in {FORTIGATES}"
            where = self.inventory.hosts[name].where
            self.problems.append(where.problem(message, "remove it from one of them"))

    def _read_target(self, host: Host, group: str) -> tuple[Login | None, Settings]:
        self._note(host, find_unknown_settings(list_roles(self.plays), host.variables))
        self._check_name(host, group)
        scope = self.scopes[host.name]
        settings = {}
        for role in list_roles(self.plays, group):
            try:
                settings[role.NAME] = read_settings(role, scope, host.where)
                for value in find_secret_values(settings[role.NAME]):
                    self.secrets.add(value)
            except InputError as error:
                self._note(host, error.problems)
        try:
            return read_login(host, scope, group == BAN_HOSTS, self.secrets, self.configs), settings
        except InputError as error:
            self._note(host, error.problems)
            return None, settings

    def _check_name(self, host: Host, group: str) -> None:
        longest = _LONGEST_NAME[group]
        if not _NAME.fullmatch(host.name) or len(host.name) > longest:
            remedy = (
                f"use letters, digits, '.', '_' and '-', {longest} at most, "
                f"and put the address into ansible_host"
            )
            self.problems.append(
                host.where.problem(f"{host.name} cannot be used as a name", remedy)
            )
        elif group == FORTIGATES and host.name in RESERVED:
            message = f"{host.name} cannot be the name of a FortiGate: it is the name of a secret"
            self.problems.append(host.where.problem(message, "choose another name"))

    def _find_ban_host(self, host: Host) -> str:
        """Return the ban host of a FortiGate; if there is none, record a problem and return ""."""
        known = self._list_names(BAN_HOSTS)
        try:
            value = self.scopes[host.name].get("ban_host")
        except InputError as error:
            self._note(host, error.problems)
            return ""
        if value is None:
            example = known[0] if known else "NAME"
            remedy = f"name the Linux host it reports to, such as ban_host: {example}"
            self.problems.append(host.where.problem(f"{host.name} has no ban_host", remedy))
            return ""
        if isinstance(value, str) and value in known:
            return value
        where = host.variables["ban_host"].where
        if "ban_host" in self.scopes[host.name].secretive:
            message = "ban_host is not a host of the inventory"
            remedy = "correct the variables that it is made from"
        elif isinstance(value, str) and value in self.inventory.hosts:
            message, remedy = f"ban_host {value} is not in group {BAN_HOSTS}", "put it there"
        else:
            message = (
                f"ban_host {str(value)[: _LONGEST_NAME[BAN_HOSTS]]} is not a host of the inventory"
            )
            remedy = suggest_name(str(value), known) or f"{BAN_HOSTS} has {', '.join(known)}"
        self.problems.append(where.problem(message, remedy))
        return ""
