"""The steps of a plan, in the order in which they are carried out. ``do`` is their name on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Union

from provision.linux.agent.protocol.bounds import Owed
from provision.linux.agent.protocol.ids import ResourceId

# What is done with a unit; "none": it is only enabled and checked.
Verb = Literal["none", "start", "restart", "reload"]


@dataclass(frozen=True)
class OnDisk:
    """Something at a path, with a mode and an owner."""

    path: str
    mode: int
    owner: str
    group: str


@dataclass(frozen=True)
class Install:
    """Install packages."""

    do: ClassVar[str] = "install"
    packages: tuple[str, ...]


@dataclass(frozen=True)
class MakeUser:
    """Create a system user with a group of its own, or use an existing one."""

    do: ClassVar[str] = "user"
    name: str
    home: str


@dataclass(frozen=True)
class MakeDirectory(OnDisk):
    """Make a directory; ``data``: a teardown keeps it unless data is purged."""

    do: ClassVar[str] = "directory"
    data: bool


@dataclass(frozen=True)
class Touch(OnDisk):
    """Make a file that services write, with its mode and owner."""

    do: ClassVar[str] = "touch"


@dataclass(frozen=True)
class MakeTokens(OnDisk):
    """Create the secrets that are missing, and drop those of other names."""

    do: ClassVar[str] = "tokens"
    names: tuple[str, ...]


@dataclass(frozen=True)
class MakeDigests(OnDisk):
    """Write the digests of the secrets in the file ``tokens``."""

    do: ClassVar[str] = "digests"
    tokens: str


@dataclass(frozen=True)
class MakeAuthority(OnDisk):
    """Make a CA that may sign for ``names`` only, or a new certificate for an existing CA."""

    do: ClassVar[str] = "authority"
    names: tuple[str, ...]


@dataclass(frozen=True)
class MakeCertificate(OnDisk):
    """Make a certificate for ``names``, signed by ``authority``, or write the given ``content`` (base64)."""

    do: ClassVar[str] = "certificate"
    authority: str
    names: tuple[str, ...]
    content: str


@dataclass(frozen=True)
class Owe:
    """Record which units need a restart or a reload, before the first file changes."""

    do: ClassVar[str] = "owe"
    services: dict[str, Owed]


@dataclass(frozen=True)
class NewFile(OnDisk):
    """A file with its content in base64.

    ``check``: the program that must accept it. ``seen``: the SHA-256 of what the plan replaces, empty for
    nothing, "any" for whatever is there.
    """

    content: str
    check: str
    seen: str


@dataclass(frozen=True)
class PutFiles:
    """Put files in place and remove others, after all of them were checked."""

    do: ClassVar[str] = "files"
    files: tuple[NewFile, ...]
    remove: tuple[ResourceId, ...]
    fail2ban_check: bool


@dataclass(frozen=True)
class BringUp:
    """Enable a unit, restart or reload it if it is owed that, and wait until it answers.

    ``reload_command``: empty for `systemctl reload`. ``answers``: a URL, asked with the certificate in the
    file ``certificate``.
    """

    do: ClassVar[str] = "service"
    name: str
    verb: Verb
    reload_command: tuple[str, ...]
    answers: str
    certificate: str


@dataclass(frozen=True)
class AwaitJail:
    """Wait until the running fail2ban holds a jail with these thresholds, and its ban file exists."""

    do: ClassVar[str] = "jail"
    name: str
    max_retry: int
    find_time: int
    ban_time: int
    ban_file: str


@dataclass(frozen=True)
class StopService:
    """Stop and disable a unit whose file is about to be removed."""

    do: ClassVar[str] = "stop-service"
    name: str


@dataclass(frozen=True)
class PutBackService:
    """Restore a foreign unit's state from before the first run."""

    do: ClassVar[str] = "put-back-service"
    name: str


@dataclass(frozen=True)
class TakeBack:
    """Restore what was there before our objects, or remove them; remove data only if ``purge``."""

    do: ClassVar[str] = "take-back"
    ids: tuple[ResourceId, ...]
    purge: bool


@dataclass(frozen=True)
class PurgePackages:
    """Remove the packages that were installed for us, except those that others need."""

    do: ClassVar[str] = "purge-packages"


@dataclass(frozen=True)
class PurgeBans:
    """Delete what fail2ban remembers of the jails whose names begin with ``prefix``."""

    do: ClassVar[str] = "purge-bans"
    prefix: str


@dataclass(frozen=True)
class Forget:
    """Remove the memory of the host."""

    do: ClassVar[str] = "forget"


Step = Union[
    Install,
    MakeUser,
    MakeDirectory,
    Touch,
    MakeTokens,
    MakeDigests,
    MakeAuthority,
    MakeCertificate,
    Owe,
    PutFiles,
    BringUp,
    AwaitJail,
    StopService,
    PutBackService,
    TakeBack,
    PurgePackages,
    PurgeBans,
    Forget,
]
