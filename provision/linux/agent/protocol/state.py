"""The observed state of a ban host."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Optional

from provision.linux.agent.protocol.bounds import (
    AccountName,
    Bounds,
    CertificateName,
    Certificates,
    Clock,
    Content,
    Count,
    Days,
    Digest,
    FileName,
    Form,
    FortiGateName,
    Holder,
    JailName,
    Key,
    Mode,
    Number,
    ObjectId,
    Owed,
    PackageName,
    Path,
    Text,
    Token,
    TokenName,
    UnitName,
    UserName,
)


@dataclass(frozen=True)
class Facts(Form):
    """Facts about the host itself; ``system``: the name of its distribution."""

    system: Annotated[str, Bounds(pattern=r"^[^\x00-\x1f\x7f]{0,100}$")]
    systemd: bool
    apt: bool
    sshd_jail_without_log: bool


@dataclass(frozen=True)
class PathState(Form):
    """A file, a directory or something else; ``content``: base64, of a file of reasonable size."""

    type: Literal["file", "directory", "link", "special"]
    mode: Mode
    owner: AccountName
    group: AccountName
    content: Optional[Content]


@dataclass(frozen=True)
class ServiceState(Form):
    """A systemd unit; ``answers``: whether it answers at its address, if it has one.

    ``taken_by``: the program that listens where a socket should.
    """

    exists: bool
    enabled: bool
    active: bool
    stale: bool
    answers: bool
    taken_by: Holder


@dataclass(frozen=True)
class JailState(Form):
    """The thresholds of a running jail."""

    max_retry: Number
    find_time: Number
    ban_time: Number


@dataclass(frozen=True)
class CertificateState(Form):
    """A certificate, without its key."""

    days_left: Days
    names: Annotated[list[CertificateName], Bounds(max_length=1000, fail_fast=True)]
    permits: Annotated[list[CertificateName], Bounds(max_length=1000, fail_fast=True)]
    sound: bool
    digest: Digest
    pem: Certificates


@dataclass(frozen=True)
class Foreign(Form):
    """Foreign files in a directory of ours; ``more``: there are more than ``names``."""

    names: Annotated[list[FileName], Bounds(min_length=1, max_length=100, fail_fast=True)]
    more: bool


@dataclass(frozen=True)
class ManifestObject(Form):
    """An object that was made on the host; ``restores``: there was another one before."""

    id: ObjectId
    restores: bool
    data: bool


@dataclass(frozen=True)
class ManifestSummary(Form):
    """The manifest of the host, without the copies of earlier files.

    ``fortigates`` are records, which only `fortios/record/` can validate.
    """

    version: Literal[1]
    key: Key = field(repr=False)
    objects: Annotated[list[ManifestObject], Bounds(max_length=2000, fail_fast=True)]
    packages: Annotated[list[PackageName], Bounds(max_length=1000, fail_fast=True)]
    services: Annotated[list[UnitName], Bounds(max_length=100, fail_fast=True)]
    owed: Annotated[dict[UnitName, Owed], Bounds(max_length=100)]
    fortigates: Annotated[dict[FortiGateName, Any], Bounds(max_length=1000)]


@dataclass(frozen=True)
class ShieldState(Form):
    """The shield that is up, would be, or is kept down; see banstitch_shared/shield_file.py."""

    mode: Literal["up", "alarm", "down"]
    since: Clock
    until: Clock
    by: Text
    why: Text
    homes: Count
    kept_out: Count
    denied: Count


@dataclass(frozen=True)
class Observed(Form):
    """The state of everything that a request names and of every object of the manifest.

    ``as_desired``: files without ``content`` in the answer, because it is the desired one.
    """

    facts: Facts
    paths: Annotated[dict[Path, Optional[PathState]], Bounds(max_length=5000)]
    packages: Annotated[dict[PackageName, bool], Bounds(max_length=2000)]
    users: Annotated[dict[UserName, bool], Bounds(max_length=100)]
    services: Annotated[dict[UnitName, ServiceState], Bounds(max_length=100)]
    jails: Annotated[dict[JailName, Optional[JailState]], Bounds(max_length=1000)]
    bans: Annotated[dict[JailName, Optional[Count]], Bounds(max_length=1000)]
    tokens: Optional[Annotated[dict[TokenName, Token], Bounds(max_length=4000)]] = field(repr=False)
    certificates: Annotated[dict[Path, Optional[CertificateState]], Bounds(max_length=100)]
    foreign: Annotated[dict[Path, Foreign], Bounds(max_length=100)]
    manifest: Optional[ManifestSummary]
    package_lock: Holder
    clock: Clock
    digest: Digest
    as_desired: Annotated[list[Path], Bounds(max_length=5000, fail_fast=True)] = field(
        default_factory=list
    )
    shield: Optional[ShieldState] = None
