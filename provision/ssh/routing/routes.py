"""Decide how a host is reached: through which jump hosts or which command, and under which name.

Jump hosts get their users and keys from OpenSSH's configuration files only, as `ssh -J` has it: nothing that
belongs to a target is offered to one.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from provision.errors import InputError
from provision.ssh.login import Login, find_own_name
from provision.ssh.routing.ssh_config import (
    Config,
    Options,
    Setting,
    expand,
    find_file,
    split_words,
)

# More on one way are a mistake; each adds a login.
MOST_HOPS = 8
_JUMP = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^\s@/]+)@)?(?:\[(?P<v6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\s@:/\[\]]+))"
    r"(?::(?P<port>\d{1,5}))?/?"
)
# What may stand in a command that a shell reads, and cannot be taken for an option.
_PLAIN = re.compile(r"[A-Za-z0-9_.:@%+\[\]][A-Za-z0-9_.:@%+\[\]-]*")


def complete_login(login: Login, options: Options, configs: Sequence[Config]) -> Login:
    """Return ``login`` with its way, and with what ``options`` say about keys and names.

    ``options`` come from the inventory; those of ``configs`` have been added already. User and port of
    ``login`` are final.

    Raises:
        InputError: an option cannot be used; the problem gives its place.
    """
    return _Routes(configs, login).complete(login, options, ())


def read_port(setting: Setting) -> int:
    """Return the port.

    Raises:
        InputError: it is none.
    """
    text = setting.value
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= 65535):
        problem = setting.build_problem(
            "Port must be a TCP port", "write a whole number from 1 to 65535"
        )
        raise InputError([problem])
    return int(text)


def build_tokens(login: Login) -> dict[str, str]:
    """Return OpenSSH's tokens for ``login``."""
    return {
        "d": str(Path.home()),
        "h": login.destination,
        "i": "",
        "k": login.host_key_alias or login.destination,
        "L": socket.gethostname().partition(".")[0],
        "l": socket.gethostname(),
        "n": login.address,
        "p": str(login.port),
        "r": login.user,
        "u": find_own_name(),
    }


def expand_command(login: Login) -> str:
    """Return the ProxyCommand of ``login`` as a shell reads it.

    Raises:
        ValueError: a token is unknown, or its value could mean something to a shell.
    """
    tokens = {name: build_tokens(login)[name] for name in "hnpr"}
    for name in set(re.findall(r"%([hnpr])", login.proxy_command)):
        if not _PLAIN.fullmatch(tokens[name]):
            raise ValueError(f"the value of %{name} has characters that a shell would interpret")
    return expand(login.proxy_command, tokens)


class _Routes:
    def __init__(self, configs: Sequence[Config], target: Login) -> None:
        self._configs = configs
        self._target = target

    def complete(self, login: Login, options: Options, behind: Sequence[Login]) -> Login:
        """Return ``login`` with its way; ``behind``: the logins to which it leads."""
        known = self._complete_names(login, options)
        setting = options.settings.get("proxycommand")
        if setting and setting.value.lower() != "none":
            known = replace(known, proxy_command=setting.value)
            try:
                expand_command(known)
            except ValueError as error:
                raise _refuse(setting, f"ProxyCommand: {error}") from None
            return known
        setting = options.settings.get("proxyjump")
        if setting and setting.value.lower() != "none":
            return replace(known, via=self._find_hops(setting, known, [*behind, known]))
        return known

    def _complete_names(self, login: Login, options: Options) -> Login:
        if hostname := options.settings.get("hostname"):
            name = _expand(hostname, "HostName", {"h": login.address, "n": login.address})
            login = replace(login, hostname=name)
        if alias := options.settings.get("hostkeyalias"):
            name = _expand(alias, "HostKeyAlias", build_tokens(login))
            login = replace(login, host_key_alias=name)
        files = [
            _find_file(each, "IdentityFile", each.value, login)
            for each in options.identity_files
            if each.value.lower() != "none"
        ]
        found = options.settings.get("userknownhostsfile")
        known = [
            _find_file(found, "UserKnownHostsFile", word, login)
            for word in (split_words(found.value) if found else [])
            if found and word.lower() != "none"
        ]
        return replace(
            login,
            identity_files=tuple(each for each in files if each != login.private_key_file),
            identities_only=options.get("identitiesonly").lower() in ("yes", "true"),
            known_hosts=tuple(known),
        )

    def _find_hops(self, setting: Setting, login: Login, behind: Sequence[Login]) -> Login:
        """Return the last of the jump hosts that ``setting`` names; each leads to the one before it."""
        via: Login | None = None
        for word in _expand(setting, "ProxyJump", build_tokens(login)).split(","):
            found = _JUMP.fullmatch(word.strip())
            if not found:
                raise _refuse(setting, "ProxyJump must name jump hosts", "write [user@]host[:port]")
            via = self._build_hop(found, setting, via, behind)
        if via is None:
            raise _refuse(setting, "ProxyJump names no jump host", "write [user@]host[:port]")
        return via

    def _build_hop(
        self, found: re.Match[str], setting: Setting, via: Login | None, behind: Sequence[Login]
    ) -> Login:
        options = Options()
        for keyword, value in (("user", found["user"]), ("port", found["port"])):
            if value:
                options.offer(keyword, replace(setting, value=value))
        if via:  # the way to all but the first is given by the list itself
            options.offer("proxyjump", replace(setting, value="none"))
        address = found["v6"] or found["host"]
        for config in self._configs:
            config.look_up(address, options)
        port = options.settings.get("port")
        hop = Login(
            host=f"jump host {address}",
            address=address,
            user=options.get("user", find_own_name()),
            port=read_port(port) if port else 22,
            timeout=self._target.timeout,
            hop_limit=self._target.hop_limit,
            is_hop=True,
        )
        if len(behind) > MOST_HOPS or any(hop.is_same_place(each) for each in behind):
            raise _refuse(
                setting,
                f"the jump host {address} is reached through itself",
                "write `ProxyJump none` for it in ~/.ssh/config, before the block that applies to all",
            )
        hop = self.complete(hop, options, behind)
        return replace(hop, via=via) if via else hop


def _refuse(setting: Setting, message: str, remedy: str = "") -> InputError:
    return InputError([setting.build_problem(message, remedy)])


def _expand(setting: Setting, keyword: str, tokens: Mapping[str, str]) -> str:
    try:
        text = expand(setting.value, tokens)
    except ValueError as error:
        raise _refuse(setting, f"{keyword}: {error}") from None
    if not text.isprintable() or (keyword != "ProxyJump" and (not text or " " in text)):
        raise _refuse(setting, f"{keyword} must be one word")
    return text


def _find_file(setting: Setting | None, keyword: str, text: str, login: Login) -> str:
    try:
        return find_file(text, build_tokens(login))
    except ValueError as error:
        raise _refuse(setting or Setting(text, ""), f"{keyword}: {error}") from None
