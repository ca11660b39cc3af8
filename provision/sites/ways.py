"""Join what the inventory and OpenSSH's configuration say about the way to a host.

The order is that of the command line that Ansible builds for `ssh`, where the first value of an option
counts: ansible_ssh_args, the variables, ansible_ssh_common_args, ansible_ssh_extra_args, configuration files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from provision.errors import InputError, Problem
from provision.inventory.expressions import Scope
from provision.inventory.variables import Where
from provision.ssh.login import Login
from provision.ssh.routing.arguments import READ_TEXT, Arguments
from provision.ssh.routing.routes import build_tokens, complete_login, read_port
from provision.ssh.routing.ssh_config import Config, Configs, Options, Setting, find_file

BEFORE_VARIABLES = ("ansible_ssh_args",)
AFTER_VARIABLES = ("ansible_ssh_common_args", "ansible_ssh_extra_args")
_ADDRESS = ("ansible_host", "ansible_ssh_host", "ansible_port", "ansible_ssh_port")
_KEYS = "host keys are always checked"
_ACCEPT = "record a new key with --accept-new-host-keys or in known_hosts"
_WORD = re.compile(r"[^\s\x00-\x1f]+")


def is_place_known(scope: Scope) -> bool:
    """Return whether all variables that decide where a host is have their values, and no placeholder."""
    names = {*_ADDRESS, *BEFORE_VARIABLES, *AFTER_VARIABLES}
    return names.isdisjoint(scope.placeholders)


@dataclass(frozen=True)
class Given:
    """The arguments of one variable, and its place."""

    name: str
    where: Where
    arguments: Arguments

    def build_settings(self) -> Iterator[tuple[str, Setting]]:
        """Yield each option with its value and place."""
        for keyword, value in self.arguments.options:
            yield keyword, Setting(value, self.where.file, self.where.line, self.name)

    def list_warnings(self) -> Iterator[Problem]:
        """Yield a warning for each argument that has no effect."""
        for each in self.arguments.unread:
            if each.lower() == "-o stricthostkeychecking":
                yield self.where.problem(f"{self.name} has no effect: {_KEYS}", _ACCEPT)
                continue
            message = f"{self.name}: {each} has no effect"
            yield self.where.problem(message, f"of ssh's arguments, Banstitch reads {READ_TEXT}")


@dataclass
class Way:
    """The settings that decide about the way to one host, apart from its address.

    ``user``, ``port`` and ``key`` are those of the inventory's variables.
    """

    configs: Configs
    given: Mapping[str, Given]
    user: str | None = None
    port: int | None = None
    key: str | None = None
    warnings: list[Problem] = field(default_factory=list)

    def complete(self, login: Login) -> Login:
        """Return ``login``, whose user and port are defaults, with all that is known about its way.

        Raises:
            InputError: an option cannot be used; the problem gives its place.
        """
        options = self._collect()
        own, options.identity_files = options.identity_files, []
        configs = self._find_configs()
        for config in configs:
            config.look_up(login.address, options)
        user, port = options.settings.get("user"), options.settings.get("port")
        login = replace(
            login,
            user=_read_user(user) if user else login.user,
            port=read_port(port) if port else login.port,
            private_key_file=self.key,
        )
        if own and not self.key:
            login = replace(login, private_key_file=_find_key(own.pop(0), login))
        if login.private_key_file:
            options.identity_files = own
        return complete_login(login, options, configs)

    def _collect(self) -> Options:
        """Return the options of the inventory."""
        options = Options()
        for name in BEFORE_VARIABLES:
            self._offer(name, options)
        if self.user:
            options.offer("user", Setting(self.user, ""))
        if self.port:
            options.offer("port", Setting(str(self.port), ""))
        for name in AFTER_VARIABLES:
            self._offer(name, options)
        for given in self.given.values():
            self.warnings += given.list_warnings()
        return options

    def _offer(self, name: str, options: Options) -> None:
        if name in self.given:
            for keyword, setting in self.given[name].build_settings():
                options.offer(keyword, setting)

    def _find_configs(self) -> tuple[Config, ...]:
        """Return the configuration files, or the one that the inventory names instead."""
        for name in (*BEFORE_VARIABLES, *AFTER_VARIABLES):
            given = self.given.get(name)
            if given and given.arguments.file:
                try:
                    found = self.configs.find(given.arguments.file)
                except InputError as error:
                    message = f"{name}: the file of -F is {error.problems[0].message}"
                    raise InputError([given.where.problem(message)]) from None
                break
        else:
            found = self.configs.find()
        for config in found:
            self.warnings += config.warnings
        return found


def _read_user(setting: Setting) -> str:
    if not _WORD.fullmatch(setting.value):
        raise InputError([setting.build_problem("User must be one word")])
    return setting.value


def _find_key(setting: Setting, login: Login) -> str:
    try:
        return find_file(setting.value, build_tokens(login))
    except ValueError as error:
        raise InputError([setting.build_problem(f"IdentityFile: {error}")]) from None
