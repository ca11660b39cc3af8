"""The answers that the agent may give, as data: one form for each request.

The agent builds its answers in these forms. The controller validates every answer against them (see
``provision/linux/answers.py``), because a ban host can be taken over: whatever is not described here is
refused. To extend an answer, add a field with bounds here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Union

from banstitch_shared.jails import JAIL_NAME
from banstitch_shared.tokens import OLD

# The agent's own directory, with the manifest.
MEMORY = "/var/lib/banstitch"
# Characters of an error; the agent shortens longer ones.
LONGEST_ERROR = 20_000


class Bounds:
    """Narrow the type that it annotates.

    pydantic asks it on the controller; the agent, which has no pydantic, never does. The names of the
    bounds are those of pydantic's core schemas.
    """

    def __init__(self, **bounds: Any) -> None:
        self._bounds = bounds

    def __get_pydantic_core_schema__(
        self, source: Any, handler: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        return {**handler(source), **self._bounds}


class Form:
    """Refuse fields that are not described, values of another type, and numbers that are none."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "extra": "forbid",
        "strict": True,
        "allow_inf_nan": False,
    }


# --- texts and numbers ---------------------------------------------------------------------------------

_HOST = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,34}"
_USER = r"[a-z_][a-z0-9_-]{0,31}"
_PART = r"[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]{0,99}"
# Where files of ours can lie; a path cannot leave it, since no part of it begins with a dot.
OUR_PATHS = (
    rf"/etc/banstitch(?:/{_PART}){{0,8}}",
    r"/etc/fail2ban/(?:action|filter|jail)\.d/banstitch[A-Za-z0-9_.-]{0,99}(?:/[a-z_]{1,60}\.py)?",
    r"/etc/systemd/system/banstitch[A-Za-z0-9_.@-]{0,99}(?:/[a-z]{1,30}\.conf)?",
    r"/etc/logrotate\.d/banstitch[A-Za-z0-9_.-]{0,99}",
    rf"/opt/banstitch(?:/{_PART}){{0,8}}",
    rf"/var/(?:cache|lib|log|spool)/banstitch[a-z-]{{0,40}}(?:/{_PART}){{0,8}}",
)
_OURS = "|".join(OUR_PATHS)
# Kinds of objects that are a path; the other kind is a user.
PATH_KINDS = ("file", "directory", "tokens", "digests", "authority", "certificate")
_OBJECT = rf"^(?:(?:{'|'.join(PATH_KINDS)}):(?:{_OURS})|user:{_USER})$"
_PEM = r"-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----\r?\n?"
_BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"

FortiGateName = Annotated[str, Bounds(pattern=f"^{_HOST}$")]
UserName = Annotated[str, Bounds(pattern=f"^{_USER}$")]
# The owner of a file may be a user of somebody else's, or a number.
AccountName = Annotated[str, Bounds(pattern=r"^[A-Za-z0-9_.@\\$ -]{1,100}$")]
PackageName = Annotated[str, Bounds(pattern=r"^[a-z0-9][a-z0-9+.:-]{0,99}$")]
UnitName = Annotated[
    str,
    Bounds(pattern=r"^(?:banstitch[A-Za-z0-9_.@-]{0,99}|fail2ban)\.(?:service|socket|path|timer)$"),
]
JailName = Annotated[str, Bounds(pattern=f"^{JAIL_NAME}$")]
Path = Annotated[str, Bounds(pattern=r"^/[^\x00-\x1f\x7f]{0,1023}$")]
ObjectId = Annotated[str, Bounds(pattern=_OBJECT)]
# The form in which the agent makes secrets. Nothing shorter or plainer is taken for one: what is
# masked as a secret disappears from the plan that the operator reads.
Token = Annotated[str, Bounds(pattern=r"^[A-Za-z0-9_-]{43}$")]
TokenName = Annotated[str, Bounds(pattern=rf"^[a-z]{{1,20}}(?::{_HOST})?(?:{OLD})?$")]
Key = Annotated[str, Bounds(pattern="^[0-9a-f]{64}$")]
Digest = Annotated[str, Bounds(pattern="^[0-9a-f]{64}$")]
Address = Annotated[str, Bounds(pattern="^[0-9a-fA-F.:]{2,45}(?:/[0-9]{1,3})?$")]
Content = Annotated[str, Bounds(pattern=_BASE64, max_length=1_400_000)]
Certificates = Annotated[str, Bounds(pattern=f"^(?:{_PEM})*$", max_length=200_000)]
# A file of somebody else may have any name; what prints it escapes it.
FileName = Annotated[str, Bounds(min_length=1, max_length=1100)]
CertificateName = Annotated[str, Bounds(pattern="^[ -~]{1,255}$")]
Version = Annotated[str, Bounds(pattern=r"^[A-Za-z0-9.+:~/?_ -]{1,100}$")]
Process = Annotated[str, Bounds(pattern=r"^[!-~]{1,300}:[0-9]{1,9}$")]
WORD = "[a-z][a-z0-9_]{0,39}"
Word = Annotated[str, Bounds(pattern=f"^{WORD}$")]
# A sentence for the operator. It may hold anything; what prints it escapes it.
LONGEST_TEXT = 10_000
Text = Annotated[str, Bounds(max_length=LONGEST_TEXT)]
# A process, a lock: one line, since it stands within a sentence.
Holder = Annotated[str, Bounds(pattern=r"^[^\x00-\x1f\x7f]{0,300}$")]
LongText = Annotated[str, Bounds(max_length=1_000_000)]

Count = Annotated[int, Bounds(ge=0, le=10**12)]
Number = Annotated[int, Bounds(ge=-1, le=10**12)]
Mode = Annotated[int, Bounds(ge=0, le=0o7777)]
Days = Annotated[float, Bounds(ge=-(10**7), le=10**7)]
# Epoch seconds, -1 for ever. A ban of 100 years that was lengthened again and again ends late.
Moment = Annotated[float, Bounds(ge=-1, le=10**15)]
# A clock that can be shown as a time of day: until the year 9999.
Clock = Annotated[float, Bounds(ge=0, le=253_402_300_799)]


# --- what a look finds ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts(Form):
    """The facts about the host that the planner needs beside its objects; ``system``: its own name."""

    system: Annotated[str, Bounds(pattern=r"^[^\x00-\x1f\x7f]{0,100}$")]
    systemd: bool
    apt: bool
    sshd_jail_without_log: bool


@dataclass(frozen=True)
class PathState(Form):
    """A file, a directory or something else; ``content`` in base64, where it is a file of sane size."""

    type: Literal["file", "directory", "link", "special"]
    mode: Mode
    owner: AccountName
    group: AccountName
    content: Content | None


@dataclass(frozen=True)
class ServiceState(Form):
    """A systemd unit, and whether it answers where it has an address to answer at.

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
    """Files of others in a directory of ours; ``more``: there are more than ``names``."""

    names: Annotated[list[FileName], Bounds(min_length=1, max_length=100, fail_fast=True)]
    more: bool


@dataclass(frozen=True)
class ManifestObject(Form):
    """An object that was made on the host; ``restores``: something stood there before."""

    id: ObjectId
    restores: bool
    data: bool


@dataclass(frozen=True)
class Manifest(Form):
    """The memory of the host, without the copies of what stood there before.

    ``fortigates`` are records: only `fortios/record.py` knows what may stand in one.
    """

    version: Literal[1]
    key: Key = field(repr=False)
    objects: Annotated[list[ManifestObject], Bounds(max_length=2000, fail_fast=True)]
    packages: Annotated[list[PackageName], Bounds(max_length=1000, fail_fast=True)]
    services: Annotated[list[UnitName], Bounds(max_length=100, fail_fast=True)]
    owed: Annotated[dict[UnitName, Literal["restart", "reload"]], Bounds(max_length=100)]
    fortigates: Annotated[dict[FortiGateName, Any], Bounds(max_length=1000)]


@dataclass(frozen=True)
class Observed(Form):
    """The state of everything that a request names, and of every object of the manifest."""

    facts: Facts
    paths: Annotated[dict[Path, PathState | None], Bounds(max_length=5000)]
    packages: Annotated[dict[PackageName, bool], Bounds(max_length=2000)]
    users: Annotated[dict[UserName, bool], Bounds(max_length=100)]
    services: Annotated[dict[UnitName, ServiceState], Bounds(max_length=100)]
    jails: Annotated[dict[JailName, JailState | None], Bounds(max_length=1000)]
    bans: Annotated[dict[JailName, Count | None], Bounds(max_length=1000)]
    tokens: Annotated[dict[TokenName, Token], Bounds(max_length=4000)] | None = field(repr=False)
    certificates: Annotated[dict[Path, CertificateState | None], Bounds(max_length=100)]
    foreign: Annotated[dict[Path, Foreign], Bounds(max_length=100)]
    manifest: Manifest | None
    package_lock: Holder
    clock: Clock
    digest: Digest


# --- one answer for each request ------------------------------------------------------------------------


@dataclass(frozen=True)
class Applied(Form):
    """All steps were made, or none where the host had ``moved`` since it was looked at; its state now.

    ``notes``: what the operator should know of it, such as for what was waited.
    """

    moved: bool
    notes: Annotated[list[Text], Bounds(max_length=100, fail_fast=True)]
    observed: Observed


@dataclass(frozen=True)
class Done(Form):
    """Nothing to report."""


@dataclass(frozen=True)
class LeaseState(Form):
    """The right of one run to change a FortiGate, and its end."""

    owner: Text
    process: Process
    until: Clock


@dataclass(frozen=True)
class Leased(Form):
    """The lease was taken, unless another run has ``held`` it all the time."""

    held: LeaseState | None
    broken: LeaseState | None
    record: Any


@dataclass(frozen=True)
class SelfTested(Form):
    """The steps of the synthetic event, in words, and how many posts the receiver could not read."""

    steps: Annotated[list[Text], Bounds(max_length=100, fail_fast=True)]
    unreadable: Annotated[dict[FortiGateName, Count], Bounds(max_length=1000)]


@dataclass(frozen=True)
class Rotated(Form):
    """The outcome of a rotation: ``changed``, whether new secrets were made."""

    changed: bool


@dataclass(frozen=True)
class Ban(Form):
    """A live ban."""

    address: Address
    jail: JailName
    until: Moment
    since: Moment
    failures: Count
    count: Count
    why: Text


@dataclass(frozen=True)
class Bans(Form):
    """Every live ban of the jails that were asked for."""

    bans: Annotated[list[Ban], Bounds(max_length=1_000_000, fail_fast=True)]


@dataclass(frozen=True)
class Banned(Form):
    """The outcome of a ban by hand: whether it changed anything, and until when the address is banned."""

    changed: bool
    said: Text = ""
    until: Moment | None = None


@dataclass(frozen=True)
class Unbanned(Form):
    """The outcome of an unban: whether the address was freed, and notes for the operator."""

    changed: bool
    notes: Annotated[list[Text], Bounds(max_length=1000, fail_fast=True)]


MOST_KEYS = 40
MOST_IN_LIST = 1000
# An entry of the audit: flat, with ``at`` in it. Releases and detections differ in the rest.
_Texts = Annotated[list[Text], Bounds(max_length=MOST_IN_LIST, fail_fast=True)]
Flat = Union[None, bool, int, float, Text, _Texts]
Entry = Annotated[dict[Word, Flat], Bounds(max_length=MOST_KEYS)]


@dataclass(frozen=True)
class History(Form):
    """The last entries of the audit; ``left_out``: one answer cannot hold all that were asked for."""

    history: Annotated[list[Entry], Bounds(max_length=1_000_000, fail_fast=True)]
    left_out: bool


@dataclass(frozen=True)
class Remaining(Form):
    """The days for which a certificate is still valid."""

    days_left: Days


@dataclass(frozen=True)
class Status(Form):
    """The receiver's numbers as it serves them, versions, certificates; whether systemd ``filters`` who
    may connect."""

    metrics: LongText
    versions: Annotated[dict[Word, Version], Bounds(max_length=20)]
    certificates: Annotated[dict[Path, Remaining | None], Bounds(max_length=100)]
    filters: bool


@dataclass(frozen=True)
class Refusal(Form):
    """The request was not carried out, or not to its end."""

    error: Annotated[str, Bounds(max_length=LONGEST_ERROR)]


# By the word for what is asked; "refusal" is the answer to any request.
ANSWERS: dict[str, type[Form]] = {
    "refusal": Refusal,
    "observe": Observed,
    "apply": Applied,
    "remember": Done,
    "lease": Leased,
    "release": Done,
    "self-test": SelfTested,
    "rotate": Rotated,
    "bans": Bans,
    "ban": Banned,
    "unban": Unbanned,
    "history": History,
    "status": Status,
}
