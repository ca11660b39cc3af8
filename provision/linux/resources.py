"""The resources of a ban host, as frozen data: roles return them, and the planner compares them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Check = Literal["", "python", "systemd-unit", "fail2ban", "logrotate"]
# The unit whose server holds all jails.
FAIL2BAN = "fail2ban.service"
When = Literal["", "sshd_jail_without_log"]


@dataclass(frozen=True)
class Package:
    """A package of the distribution; installed without recommendations."""

    name: str

    @property
    def id(self) -> str:
        return f"package:{self.name}"


@dataclass(frozen=True)
class User:
    """A system user with a group of the same name, no login and no home of its own."""

    name: str
    home: str = "/nonexistent"

    @property
    def id(self) -> str:
        return f"user:{self.name}"


@dataclass(frozen=True)
class Directory:
    """A directory. ``data`` marks one that teardown keeps (as root's) unless data are purged."""

    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"
    data: bool = False

    @property
    def id(self) -> str:
        return f"directory:{self.path}"


@dataclass(frozen=True)
class File:
    """A file with its whole content. ``check`` names the checker that must accept it before it is in place.

    ``content=None``: the file must exist, what is in it belongs to the services (a log).
    ``when`` names a fact of the host without which the file is not wanted.
    """

    path: str
    content: str | None
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    check: Check = ""
    when: When = ""

    @property
    def id(self) -> str:
        return f"file:{self.path}"


@dataclass(frozen=True)
class Tokens:
    """A JSON file ``{name: secret}`` whose secrets are made on the host, once, and read back afterwards.

    A name that is new gets a new secret, a name that is gone loses it, the others keep theirs.
    """

    path: str
    names: tuple[str, ...]
    mode: int = 0o640
    owner: str = "root"
    group: str = "root"

    @property
    def id(self) -> str:
        return f"tokens:{self.path}"


@dataclass(frozen=True)
class Digests:
    """A JSON file ``{name: SHA-256}`` of the secrets in the file ``tokens``, to compare with."""

    path: str
    tokens: str
    names: tuple[str, ...]
    mode: int = 0o640
    owner: str = "root"
    group: str = "root"

    @property
    def id(self) -> str:
        return f"digests:{self.path}"


@dataclass(frozen=True)
class Authority:
    """A small CA that is made on the host: its key and its certificate, in one file for root alone.

    ``names``: the only addresses and host names that it may sign for.
    """

    path: str
    names: tuple[str, ...]
    mode: int = 0o600
    owner: str = "root"
    group: str = "root"

    @property
    def id(self) -> str:
        return f"authority:{self.path}"


@dataclass(frozen=True)
class Certificate:
    """A server's key and certificate in one file: made on the host, or given as ``content``.

    ``names`` it is good for: addresses and host names. ``authority``: the path of the one that signs it,
    empty for a given one.
    """

    path: str
    names: tuple[str, ...]
    authority: str = ""
    content: str = field(default="", repr=False)
    mode: int = 0o640
    owner: str = "root"
    group: str = "root"

    @property
    def id(self) -> str:
        return f"certificate:{self.path}"


@dataclass(frozen=True)
class Jail:
    """A jail as the running fail2ban server must hold it. Times in seconds, ``ban_time`` -1 for ever."""

    name: str
    max_retry: int
    find_time: int
    ban_time: int

    @property
    def id(self) -> str:
        return f"jail:{self.name}"


@dataclass(frozen=True)
class Service:
    """A unit that is enabled, runs, and has read its inputs as they are now.

    ``restart_on``/``reload_on`` hold ids of resources: a change of one owes the unit a restart or a reload.
    One of ``restart_on_update`` does too, unless it is new: then it takes effect when the unit starts next.
    ``answers``: a URL that must answer 200 before the unit counts as up ("active" proves nothing),
    by https with the certificate in the file ``certificate``.
    ``listens``: the address and port of a socket, which no other program may have.
    """

    name: str
    restart_on: tuple[str, ...] = ()
    restart_on_update: tuple[str, ...] = ()
    reload_on: tuple[str, ...] = ()
    reload_command: tuple[str, ...] = ()
    answers: str = ""
    certificate: str = ""
    listens: str = ""

    @property
    def id(self) -> str:
        return f"service:{self.name}"


Resource = (
    Package | User | Directory | File | Tokens | Digests | Authority | Certificate | Jail | Service
)
