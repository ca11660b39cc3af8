"""Warn about Ansible's connection variables that have no effect here.

A variable is honoured (`connection.py`), harmless (listed nowhere), or in a table below.
"""

from __future__ import annotations

from collections.abc import Iterator

from provision.errors import InputError, Problem
from provision.inventory.expressions import Scope
from provision.inventory.filters.text import read_bool
from provision.inventory.loader import Host

_NO_CLIENT = "Banstitch does not run OpenSSH's client"
_NO_JUMP = "Banstitch reads the arguments of Ansible's ssh connection"
_WRITE_JUMP = "write -o ProxyCommand=... into ansible_ssh_common_args"
_KEYS = "host keys are always checked"
_ACCEPT = "record a new key with --accept-new-host-keys or in known_hosts"
_OTHER_NAME = "Banstitch reads the names of Ansible's ssh connection"
_KEY_IN_TEXT = (
    "a key is read from a file only",
    "write it into a file, and name that in ansible_ssh_private_key_file",
)
_PASSPHRASE = ("a key with a passphrase is used from ssh-agent only", "load it with ssh-add")
_SUDO_OF_PATH = ("root is reached by the program sudo of the PATH", "leave it out")
_NO_SUDO_OPTIONS = ("sudo is run without further options", "leave it out")
_KEY_CHECKS = (
    "ansible_host_key_checking",
    "ansible_ssh_host_key_checking",
    "ansible_paramiko_host_key_checking",
)
# For each variable, why it has no effect, and the remedy.
_EVERYWHERE = {
    "ansible_ssh_executable": (_NO_CLIENT, "leave it out"),
    "ansible_ssh_pkcs11_provider": ("no smart card is used", "load its key into ssh-agent"),
    "ansible_paramiko_proxy_command": (_NO_JUMP, _WRITE_JUMP),
    "ansible_private_key": _KEY_IN_TEXT,
    "ansible_private_key_passphrase": _PASSPHRASE,
    "ansible_ssh_private_key": _KEY_IN_TEXT,
    "ansible_ssh_private_key_passphrase": _PASSPHRASE,
    "ansible_paramiko_host": (_OTHER_NAME, "write ansible_host"),
    "ansible_paramiko_port": (_OTHER_NAME, "write ansible_port"),
    "ansible_paramiko_user": (_OTHER_NAME, "write ansible_user"),
    "ansible_paramiko_pass": (_OTHER_NAME, "write ansible_password"),
    "ansible_paramiko_password": (_OTHER_NAME, "write ansible_password"),
    "ansible_paramiko_private_key_file": (_OTHER_NAME, "write ansible_ssh_private_key_file"),
}
_ON_BAN_HOSTS = {
    "ansible_become_exe": _SUDO_OF_PATH,
    "ansible_become_flags": _NO_SUDO_OPTIONS,
    "ansible_sudo_exe": _SUDO_OF_PATH,
    "ansible_sudo_flags": _NO_SUDO_OPTIONS,
    "ansible_sudo_chdir": ("sudo is run from /", "leave it out"),
}
_ON_FORTIGATES = {
    "ansible_command_timeout": ("Banstitch has its own time limits", "leave it out"),
    "ansible_connect_timeout": ("Banstitch reads ansible_timeout", "write ansible_timeout"),
    "ansible_network_cli_proxy_command": (_NO_JUMP, _WRITE_JUMP),
    "ansible_libssh_proxy_command": (_NO_JUMP, _WRITE_JUMP),
}
_SSH = {"ssh", "smart", "paramiko", "paramiko_ssh", "network_cli", "libssh", "persistent"}
_NOT_SSH = {"httpapi", "netconf", "local"}


def find_unused(host: Host, scope: Scope, linux: bool) -> Iterator[Problem]:
    """Yield a warning for each variable of ``host`` that has no effect here; it quotes no value.

    Raises:
        InputError: the host needs a connection that Banstitch does not support.
    """
    table = _EVERYWHERE | (_ON_BAN_HOSTS if linux else _ON_FORTIGATES)
    for name, (why, remedy) in table.items():
        if name in host.variables and _read_value(scope, name) not in (None, "", False):
            yield _warn(scope, name, why, remedy)
    for name in _KEY_CHECKS:
        if name in host.variables and _is_off(_read_value(scope, name)):
            yield _warn(scope, name, _KEYS, _ACCEPT)
    if "ansible_connection" in host.variables:
        yield from _check_connection(host, scope, linux)
    if not linux and "ansible_network_os" in host.variables:
        yield from _check_network_os(scope)


def _read_value(scope: Scope, name: str) -> object:
    """Return the value; one that cannot be evaluated counts as set, because it would not be used."""
    try:
        return scope.get(name)
    except InputError:
        return name


def _warn(scope: Scope, name: str, why: str, remedy: str) -> Problem:
    return scope.locate(name).problem(f"{name} has no effect: {why}", remedy)


def _is_off(value: object) -> bool:
    try:
        return not read_bool(value)
    except ValueError:
        return False


def _check_connection(host: Host, scope: Scope, linux: bool) -> Iterator[Problem]:
    name = "ansible_connection"
    value = scope.get(name)
    kind = str(value).rpartition(".")[2]
    if value is None or kind in _SSH:
        return
    if kind not in _NOT_SSH or (linux and kind != "local"):
        message = f"{name} must be ssh: Banstitch logs in by SSH only"
        raise InputError([scope.locate(name).problem(message, "write ssh, or leave it out")])
    remedy = "make sure that ansible_host answers to SSH"
    yield _warn(scope, name, "Banstitch logs in by SSH", remedy)
    ports = [name for name in ("ansible_port", "ansible_ssh_port") if name in host.variables]
    if kind == "httpapi" and ports == ["ansible_port"]:
        why = "ansible_port is used as the port of SSH, whatever ansible_connection says"
        remedy = "write the port of SSH into ansible_ssh_port, which takes precedence"
        yield scope.locate("ansible_port").problem(why, remedy)


def _check_network_os(scope: Scope) -> Iterator[Problem]:
    value = _read_value(scope, "ansible_network_os")
    if isinstance(value, str) and value.rpartition(".")[2] not in ("fortios", ""):
        why = "hosts of the group fortigates must be FortiGates"
        yield _warn(scope, "ansible_network_os", why, "write fortinet.fortios.fortios")
