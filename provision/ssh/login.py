"""The connection variables of one host: what both transports need to reach and enter it."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass, field

from provision.errors import Problem

# Seconds for TCP, for the SSH handshake, and for the answer to each attempt to log in.
DEFAULT_TIMEOUT = 15.0
# Logins at the same time behind one jump host. OpenSSH's own drops some of more than ten (MaxStartups).
DEFAULT_HOP_LIMIT = 10


def find_own_name() -> str:
    """Return the name of the user who runs this program, or the number of one without a name.

    A container that runs as any user has no line about it in /etc/passwd.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return str(os.getuid())


@dataclass(frozen=True)
class Login:
    """The connection variables of one host, under Ansible's names (``ansible_host``, ``ansible_user``, ...).

    ``password`` and ``become_password`` stay out of ``repr``, so that no traceback can show them.
    """

    host: str
    address: str
    user: str
    port: int = 22
    password: str | None = field(default=None, repr=False)
    private_key_file: str | None = None
    become: bool = False
    become_password: str | None = field(default=None, repr=False)
    python: str | None = None
    # environment variables that the passwords refer to and that are not set: needed only to connect
    unset: tuple[Problem, ...] = ()
    # variables that the inventory sets and that have no effect here
    warnings: tuple[Problem, ...] = ()
    timeout: float = field(default=DEFAULT_TIMEOUT, compare=False)
    # from OpenSSH's configuration: where ``address`` really is, and its name in known_hosts
    hostname: str = ""
    host_key_alias: str = ""
    # keys that are offered where the inventory names none; files of known_hosts beside the usual ones
    identity_files: tuple[str, ...] = ()
    identities_only: bool = False
    known_hosts: tuple[str, ...] = ()
    # the jump host before this one, or a command that connects; it may contain a password
    via: Login | None = None
    proxy_command: str = field(default="", repr=False)
    hop_limit: int = field(default=DEFAULT_HOP_LIMIT, compare=False)
    # this is a jump host itself
    is_hop: bool = False

    @property
    def destination(self) -> str:
        """The address to connect to."""
        return self.hostname or self.address

    @property
    def way(self) -> tuple[Login, ...]:
        """The jump hosts from the last to the first."""
        return (self.via, *self.via.way) if self.via else ()

    @property
    def known_as(self) -> tuple[str, int]:
        """The name and the port that known_hosts files have."""
        return (self.host_key_alias, 22) if self.host_key_alias else (self.destination, self.port)

    @property
    def place(self) -> tuple[object, ...]:
        """The same for two logins only if they reach the same server: the way, the address, the port."""
        before = self.via.place if self.via else self.proxy_command
        return before, self.destination.lower(), self.port

    @property
    def where(self) -> str:
        """The target as errors name it: ``bh1 (root@192.0.2.10:22)``."""
        address = f"[{self.destination}]" if ":" in self.destination else self.destination
        return f"{self.host} ({self.user}@{address}:{self.port})"

    def is_same_place(self, other: Login) -> bool:
        """Return whether this jump host is ``other``, by the name that was typed."""
        return (self.address.lower(), self.port, self.user) == (
            other.address.lower(),
            other.port,
            other.user,
        )
