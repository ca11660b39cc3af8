"""Bounds of texts and numbers in requests and answers, and the constants that both sides need.

To extend an answer, add a field with bounds to its form. Whatever is not described there is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from banstitch_shared.jails import JAIL_NAME
from banstitch_shared.tokens import OLD

from provision.linux.agent.protocol.ids import ResourceId

# The agent's own directory, with the manifest.
MEMORY = "/var/lib/banstitch"
# Characters of an error; the agent shortens longer ones.
LONGEST_ERROR = 20_000

# A core schema of pydantic, or its configuration of a class.
Schema = dict[str, Any]


class Bounds:
    """Narrow the type that it annotates.

    The controller's pydantic calls it; the agent has no pydantic and never does. The names of the
    bounds are those of pydantic's core schemas.
    """

    def __init__(self, **bounds: Any) -> None:
        self._bounds = bounds

    def __get_pydantic_core_schema__(
        self, source: object, handler: Callable[[object], Schema]
    ) -> Schema:
        return {**handler(source), **self._bounds}


class Parsed(Bounds):
    """Parse a text within bounds."""

    def __init__(self, parse: Callable[[str], object], **bounds: Any) -> None:
        super().__init__(**bounds)
        self._parse = parse

    def __get_pydantic_core_schema__(
        self, source: object, handler: Callable[[object], Schema]
    ) -> Schema:
        function = {"type": "no-info", "function": self._parse}
        text = super().__get_pydantic_core_schema__(str, handler)
        written = {"type": "to-string", "when_used": "always"}
        return {
            "type": "function-after",
            "function": function,
            "schema": text,
            "serialization": written,
        }


class Form:
    """Refuse unknown fields, values of another type, infinity and NaN."""

    __pydantic_config__: ClassVar[Schema] = {
        "extra": "forbid",
        "strict": True,
        "allow_inf_nan": False,
    }


_HOST = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,34}"
_USER = r"[a-z_][a-z0-9_-]{0,31}"
_PART = r"[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]{0,99}"
# The paths that our files can have. None leaves its folder, since no part begins with a dot.
OUR_PATHS = (
    rf"/etc/banstitch(?:/{_PART}){{0,8}}",
    r"/etc/fail2ban/(?:action|fail2ban|filter|jail)\.d/banstitch[A-Za-z0-9_.-]{0,99}(?:/[a-z_]{1,60}\.py)?",
    r"/etc/systemd/system/banstitch[A-Za-z0-9_.@-]{0,99}(?:/[a-z]{1,30}\.conf)?",
    r"/etc/logrotate\.d/banstitch[A-Za-z0-9_.-]{0,99}",
    rf"/opt/banstitch(?:/{_PART}){{0,8}}",
    rf"/var/(?:cache|lib|log|spool)/banstitch[a-z-]{{0,40}}(?:/{_PART}){{0,8}}",
)
_OURS = "|".join(OUR_PATHS)
# Days that the receiver's certificate lasts: public CAs have settled on that (CA/Browser Forum).
SERVER_DAYS = 397
# Kinds of objects that are a path; the other kind is a user.
PATH_KINDS = ("file", "directory", "tokens", "digests", "authority", "certificate")
# Those whose content holds a key and never leaves the host.
SEALED_KINDS = ("authority", "certificate")
_OBJECT = rf"^(?:(?:{'|'.join(PATH_KINDS)}):(?:{_OURS})|user:{_USER})$"
_PEM = r"-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----\r?\n?"
_BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"

# What a unit may be owed.
Owed = Literal["restart", "reload"]

FortiGateName = Annotated[str, Bounds(pattern=f"^{_HOST}$")]
UserName = Annotated[str, Bounds(pattern=f"^{_USER}$")]
# The owner of a file may be any user of the host, or a number.
AccountName = Annotated[str, Bounds(pattern=r"^[A-Za-z0-9_.@\\$ -]{1,100}$")]
PackageName = Annotated[str, Bounds(pattern=r"^[a-z0-9][a-z0-9+.:-]{0,99}$")]
UnitName = Annotated[
    str,
    Bounds(pattern=r"^(?:banstitch[A-Za-z0-9_.@-]{0,99}|fail2ban)\.(?:service|socket|path|timer)$"),
]
JailName = Annotated[str, Bounds(pattern=f"^{JAIL_NAME}$")]
Path = Annotated[str, Bounds(pattern=r"^/[^\x00-\x1f\x7f]{0,1023}$")]
ObjectId = Annotated[ResourceId, Parsed(ResourceId.parse, pattern=_OBJECT)]
# The form in which the agent creates secrets. No other text counts as one, because every text that is
# masked as a secret disappears from the plan that the operator reads.
Token = Annotated[str, Bounds(pattern=r"^[A-Za-z0-9_-]{43}$")]
TokenName = Annotated[str, Bounds(pattern=rf"^[a-z]{{1,20}}(?::{_HOST})?(?:{OLD})?$")]
Key = Annotated[str, Bounds(pattern="^[0-9a-f]{64}$")]
Digest = Annotated[str, Bounds(pattern="^[0-9a-f]{64}$")]
Address = Annotated[str, Bounds(pattern="^[0-9a-fA-F.:]{2,45}(?:/[0-9]{1,3})?$")]
Content = Annotated[str, Bounds(pattern=_BASE64, max_length=1_400_000)]
Certificates = Annotated[str, Bounds(pattern=f"^(?:{_PEM})*$", max_length=200_000)]
# A foreign file may have any name; the code that prints it escapes it.
FileName = Annotated[str, Bounds(min_length=1, max_length=1100)]
LONGEST_NAME = 255
CertificateName = Annotated[str, Bounds(pattern=f"^[ -~]{{1,{LONGEST_NAME}}}$")]
Version = Annotated[str, Bounds(pattern=r"^[A-Za-z0-9.+:~/?_ -]{1,100}$")]
Process = Annotated[str, Bounds(pattern=r"^[!-~]{1,300}:[0-9]{1,9}$")]
WORD = "[a-z][a-z0-9_]{0,39}"
Word = Annotated[str, Bounds(pattern=f"^{WORD}$")]
# A line of the event log, as banstitch_shared/eventlog.py writes it since version 0.2.
EVENT = (
    r"[0-9]{1,11}\.[0-9]{1,6} [A-Za-z0-9._-]{1,64} [a-z][a-z0-9_]{0,60} (?:failure|success|lockout)"
    r" [0-9a-f.:/]{2,45} (?:-|(?:[0-9a-f]{2}){1,128}) (?:-|[a-z0-9_]{1,64})"
)
Event = Annotated[str, Bounds(pattern=f"^{EVENT}$", max_length=600)]
# Events in one answer: more than the files of the evidence hold by default.
MOST_EVENTS = 300_000
# A sentence for the operator. It may hold any character; the code that prints it escapes it.
LONGEST_TEXT = 10_000
Text = Annotated[str, Bounds(max_length=LONGEST_TEXT)]
# A process or a lock; on one line, because it is a part of a sentence.
Holder = Annotated[str, Bounds(pattern=r"^[^\x00-\x1f\x7f]{0,300}$")]
LongText = Annotated[str, Bounds(max_length=1_000_000)]

Count = Annotated[int, Bounds(ge=0, le=10**12)]
Number = Annotated[int, Bounds(ge=-1, le=10**12)]
Mode = Annotated[int, Bounds(ge=0, le=0o7777)]
Days = Annotated[float, Bounds(ge=-(10**7), le=10**7)]
# Epoch seconds, -1 for ever. A ban of 100 years may be lengthened again and again.
Moment = Annotated[float, Bounds(ge=-1, le=10**15)]
# A clock that can be shown as a time of day: until the year 9999.
Clock = Annotated[float, Bounds(ge=0, le=253_402_300_799)]

# Keys of one entry of the audit, and texts in one of its lists.
MOST_KEYS = 40
MOST_IN_LIST = 1000
