"""Read the login of a host from Ansible's connection variables and their older names."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from provision.errors import InputError, Problem
from provision.inventory.expressions import Scope
from provision.inventory.extra_vars import COMMAND_LINE
from provision.inventory.filters.text import read_bool
from provision.inventory.loader import Host
from provision.inventory.templates import NotRun
from provision.inventory.variables import Where, is_secret_name
from provision.masking import SHORTEST, Secrets, list_texts
from provision.sites.unused_variables import find_unused
from provision.sites.ways import AFTER_VARIABLES, BEFORE_VARIABLES, Given, Way
from provision.ssh.login import DEFAULT_HOP_LIMIT, DEFAULT_TIMEOUT, Login, find_own_name
from provision.ssh.routing.arguments import Arguments, parse_arguments
from provision.ssh.routing.ssh_config import Configs

# If several names are set, the last one counts, as in Ansible's ssh connection.
_ADDRESS = ("ansible_host", "ansible_ssh_host")
_PORT = ("ansible_port", "ansible_ssh_port")
_USER = ("ansible_user", "ansible_ssh_user")
_PASSWORD = ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password")
_TIMEOUT = ("ansible_timeout", "ansible_paramiko_timeout", "ansible_ssh_timeout")
_KEY = ("ansible_private_key_file", "ansible_ssh_private_key_file")
_BECOME = ("ansible_become",)
_BECOME_PASSWORD = ("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass")
_BECOME_METHOD = ("ansible_become_method",)
_BECOME_USER = ("ansible_become_user",)
_HOP_LIMIT = ("ssh_hop_limit",)
_MOST_LOGINS = 1000
_PYTHON = ("ansible_python_interpreter",)
# Ansible's modes of looking for Python, which Banstitch always does.
_PYTHON_IS_FOUND = ("auto", "auto_silent", "auto_legacy", "auto_legacy_silent")
_LONGEST_PYTHON = 1000

# Seconds. A push notification to a phone takes one or two minutes.
LONGEST_TIMEOUT = 3600

_T = TypeVar("_T")
Check = Callable[[object], _T]


def read_login(
    host: Host, scope: Scope, linux: bool, secrets: Secrets, configs: Configs | None = None
) -> Login:
    """Return the login of ``host``; add its passwords to ``secrets``.

    Defaults: its name as address, what OpenSSH's ``configs`` say about that, port 22, the current user
    (``admin`` on a FortiGate), and sudo for everybody but root on a Linux host.

    Raises:
        InputError: every variable that cannot be resolved or has an impossible value.
    """
    reader = _Reader(scope, host.where, secrets)
    way = reader.read_way(host, configs or Configs())
    login = Login(
        host=host.name,
        address=reader.get(_ADDRESS, _parse_word, host.name),
        user=find_own_name() if linux else "admin",
        password=reader.read_password(_PASSWORD),
        become_password=reader.read_password(_BECOME_PASSWORD) if linux else None,
        python=reader.get(_PYTHON, _parse_interpreter, None) if linux else None,
        timeout=reader.get(_TIMEOUT, _parse_seconds, DEFAULT_TIMEOUT),
        hop_limit=reader.get(_HOP_LIMIT, _parse_count, DEFAULT_HOP_LIMIT),
    )
    with reader.collecting():
        login = way.complete(login)
    login = replace(
        login,
        become=linux and reader.get(_BECOME, _parse_bool, login.user != "root"),
        unset=tuple(reader.unset),
        warnings=(*reader.list_warnings(host, linux), *way.warnings),
    )
    if linux:
        reader.get(_BECOME_METHOD, _require_sudo, None)
    if login.become:
        reader.get(_BECOME_USER, _require_root, None)
    if reader.problems:
        raise InputError(reader.problems)
    return login


class _Reader:
    """Reads one host's variables and collects what is wrong with them."""

    def __init__(self, scope: Scope, where: Where, secrets: Secrets) -> None:
        self.scope = scope
        self.where = where
        self.secrets = secrets
        self.problems: list[Problem] = []
        self.unset: list[Problem] = []

    def get(self, names: tuple[str, ...], check: Check[_T], default: _T) -> _T:
        """Return the checked value of the last of ``names`` that is set, or the default.

        A name that the command line sets takes precedence over all others.
        """
        given = [n for n in names if n in self.scope and self.scope.locate(n) == COMMAND_LINE]
        for name in (*given, *reversed(names)):
            try:
                value = self.scope.get(name)
                if value is not None:
                    return check(value)
            except NotRun as error:  # only verbs that connect need a password or a key
                (self.unset if is_secret_name(name) else self.problems).extend(error.problems)
                return default
            except InputError as error:
                self.problems.extend(error.problems)
                return default
            except _WrongValue as wrong:
                if name in self.scope.placeholders:  # nothing was run, so there is no value yet
                    return default
                message = f"{name} {wrong.message}"
                self.problems.append(self.scope.locate(name).problem(message, wrong.remedy))
                return default
        return default

    def read_way(self, host: Host, configs: Configs) -> Way:
        """Return what the variables say about the way to the host; mask what secrets they contain."""
        given = {}
        for name in (*BEFORE_VARIABLES, *AFTER_VARIABLES):
            arguments = self.get((name,), _parse_arguments, Arguments())
            if arguments != Arguments() and name not in self.scope.placeholders:
                given[name] = Given(name, self.scope.locate(name), arguments)
                if name in self.scope.secretive:
                    self._mask_inserted(str(host.variables[name].value), str(self.scope.get(name)))
        return Way(
            configs,
            given,
            user=self.get(_USER, _parse_word, None),
            port=self.get(_PORT, _parse_port, None),
            key=self.get(_KEY, _check_readable_file, None),
        )

    def _mask_inserted(self, written: str, evaluated: str) -> None:
        """Mask the words that expressions have put into a text, such as the password in a command."""
        for word in re.split(r"[\s'\"=]+", evaluated):
            if len(word) >= SHORTEST and word not in written:
                self.secrets.add(word)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Collect the problems that are raised."""
        try:
            yield
        except InputError as error:
            self.problems.extend(error.problems)

    def read_password(self, names: tuple[str, ...]) -> str | None:
        """Return a password and add it to the secrets; no message quotes its value."""
        password = self.get(names, self._read_secret, None)
        if password == "":
            name = next(n for n in reversed(names) if self.scope.get(n) is not None)
            if name in self.scope.placeholders:
                return None
            unset = self.scope.unset_env.get(name)
            message = f"the environment variable {unset} is not set" if unset else "it is empty"
            remedy = f"export {unset}=..." if unset else "leave the variable out for key logins"
            problem = self.scope.locate(name).problem(f"{name}: {message}", remedy)
            (self.unset if unset else self.problems).append(problem)
            return None
        return self.secrets.add(password) if password else None

    def _read_secret(self, value: object) -> str | None:
        """Return a password; mask every value in its place, even one that is not a password."""
        for text in list_texts(value):
            self.secrets.add(text)
        return _parse_password(value)

    def list_warnings(self, host: Host, linux: bool) -> tuple[Problem, ...]:
        """Return warnings about variables that have no effect."""
        try:
            return tuple(find_unused(host, self.scope, linux))
        except InputError as error:
            self.problems.extend(error.problems)
            return ()


class _WrongValue(Exception):  # control flow of this file, never seen outside
    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(message)


def _parse_word(value: object) -> str:
    if not isinstance(value, str):
        raise _WrongValue("must be a string", "put quotes around it")
    if not value.strip() or any(letter.isspace() for letter in value.strip()):
        raise _WrongValue("must be one word", "write it without blanks")
    return value.strip()


def _read_number(value: object, most: int) -> int | None:
    """Return a whole number from 1 to ``most``, or None if ``value`` is none."""
    text = str(value).strip()
    digits = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    wrong = isinstance(value, bool | float) or not digits or not 1 <= int(text) <= most
    return None if wrong else int(text)


def _parse_port(value: object) -> int:
    port = _read_number(value, 65535)
    if port is None:
        raise _WrongValue("must be a TCP port", "write a whole number from 1 to 65535")
    return port


def _parse_count(value: object) -> int:
    count = _read_number(value, _MOST_LOGINS)
    if count is None:
        remedy = f"write a whole number from 1 to {_MOST_LOGINS}"
        raise _WrongValue("must be a number of logins", remedy)
    return count


def _parse_seconds(value: object) -> float:
    seconds = _read_number(value, LONGEST_TIMEOUT)
    if seconds is None:
        raise _WrongValue("must be a timeout", f"write whole seconds, from 1 to {LONGEST_TIMEOUT}")
    return float(seconds)


def _parse_arguments(value: object) -> Arguments:
    if not isinstance(value, str):
        raise _WrongValue("must be a string", "put quotes around it")
    try:
        return parse_arguments(value)
    except ValueError as error:
        raise _WrongValue(f"cannot be used: {error}", "write it as for ssh") from None


def _parse_password(value: object) -> str | None:
    if not isinstance(value, str):
        raise _WrongValue("must be a string", "put quotes around it")
    if value and len(value) < SHORTEST:
        remedy = f"use one of {SHORTEST} characters or more"
        raise _WrongValue("is too short to be kept out of the output", remedy)
    if not value.isprintable():
        raise _WrongValue("must not contain a line break or control character", "remove it")
    return value


def _check_readable_file(value: object) -> str:
    remedy = "write the path of a private key"
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise _WrongValue("must be a path", remedy)
    try:
        path = Path(value).expanduser()
        if not path.is_file():
            raise _WrongValue("must name a file", remedy)
    except (OSError, RuntimeError):  # a name that is too long, a user that does not exist
        raise _WrongValue("must name a file", remedy) from None
    if not os.access(path, os.R_OK):
        raise _WrongValue("names a file that you may not read", "check its owner and mode")
    return str(path)


def _parse_bool(value: object) -> bool:
    try:
        return read_bool(value)
    except ValueError:
        raise _WrongValue("must be true or false", "write true or false") from None


def _require_sudo(value: object) -> None:
    if value not in ("sudo", "ansible.builtin.sudo"):
        raise _WrongValue("must be sudo", "Banstitch knows no other way to root; leave it out")


def _require_root(value: object) -> None:
    if value not in ("root", "", 0, "0"):
        raise _WrongValue("must be root", "the agent runs as root; set it to root, or leave it out")


def _parse_interpreter(value: object) -> str | None:
    """Return the command of a Python: a path, or one with arguments, as `/usr/bin/env python3`."""
    remedy = "write the path of a Python on the host, or leave it out"
    if not isinstance(value, str) or not value.isprintable():
        raise _WrongValue("must be a string of one line", remedy)
    try:
        words = shlex.split(value)
    except ValueError:
        raise _WrongValue("must close its quotes", remedy) from None
    if len(value) > _LONGEST_PYTHON:
        raise _WrongValue(f"must have at most {_LONGEST_PYTHON} characters", remedy)
    return None if not words or words[0] in _PYTHON_IS_FOUND else value
