"""The answers that the agent gives, as data: one form for each request.

The agent builds its answers in these forms. The controller validates every answer against them (see
``provision/linux/answers.py``), because a ban host can be taken over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Optional, Union

from provision.linux.agent.protocol.bounds import (
    LONGEST_ERROR,
    MOST_EVENTS,
    MOST_IN_LIST,
    MOST_KEYS,
    Address,
    Bounds,
    Clock,
    Count,
    Days,
    Event,
    Form,
    FortiGateName,
    JailName,
    LongText,
    Moment,
    Path,
    Process,
    Text,
    Version,
    Word,
)
from provision.linux.agent.protocol.state import Observed, ShieldState


@dataclass(frozen=True)
class Applied(Form):
    """All steps were carried out, or none if the host had ``moved`` since it was observed; its new state.

    ``notes``: notes for the operator, such as what the run had to wait for.
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

    held: Optional[LeaseState]
    broken: Optional[LeaseState]
    record: Any


@dataclass(frozen=True)
class SelfTested(Form):
    """The steps of the synthetic event as text, and the number of unreadable posts by FortiGate.

    ``fetch_delays``: seconds from an event of a FortiGate to its next fetch, 0 where none was seen;
    ``fetched``: the same for the synthetic event, for those that were waited for.
    """

    steps: Annotated[list[Text], Bounds(max_length=100, fail_fast=True)]
    unreadable: Annotated[dict[FortiGateName, Count], Bounds(max_length=1000)]
    fetch_delays: Annotated[dict[FortiGateName, Clock], Bounds(max_length=1000)] = field(
        default_factory=dict
    )
    fetched: Annotated[dict[FortiGateName, Clock], Bounds(max_length=1000)] = field(
        default_factory=dict
    )


@dataclass(frozen=True)
class Rotated(Form):
    """The outcome of a rotation. ``changed``: new secrets were created."""

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
class AllowanceState(Form):
    """An address or a network that no jail bans until a time."""

    network: Address
    until: Clock
    since: Clock
    by: Text
    why: Text


@dataclass(frozen=True)
class Bans(Form):
    """Every live ban of the jails that were asked for, and the allowances of the site.

    ``shared``: bans of other sites that count at this one.
    """

    bans: Annotated[list[Ban], Bounds(max_length=1_000_000, fail_fast=True)]
    allowances: Annotated[list[AllowanceState], Bounds(max_length=1000, fail_fast=True)]
    shared: Annotated[list[Ban], Bounds(max_length=1_000_000, fail_fast=True)] = field(
        default_factory=list
    )


@dataclass(frozen=True)
class Allowed(Form):
    """The outcome of an allowance: whether it changed anything, its end, and notes for the operator."""

    changed: bool
    until: Clock
    notes: Annotated[list[Text], Bounds(max_length=1000, fail_fast=True)]


@dataclass(frozen=True)
class ShieldSet(Form):
    """The outcome of an order to the shield: its end, and notes for the operator."""

    changed: bool
    until: Clock
    notes: Annotated[list[Text], Bounds(max_length=100, fail_fast=True)]


@dataclass(frozen=True)
class Banned(Form):
    """The outcome of a ban by hand: whether it changed anything, and the end of the ban."""

    changed: bool
    said: Text = ""
    until: Optional[Moment] = None


@dataclass(frozen=True)
class Unbanned(Form):
    """The end of a ban or of an allowance: whether there was one, and notes for the operator."""

    changed: bool
    notes: Annotated[list[Text], Bounds(max_length=1000, fail_fast=True)]


# An entry of the audit: flat, with ``at`` in it. Releases and detections differ in the rest.
_Texts = Annotated[list[Text], Bounds(max_length=MOST_IN_LIST, fail_fast=True)]
Flat = Union[None, bool, int, float, Text, _Texts]
Entry = Annotated[dict[Word, Flat], Bounds(max_length=MOST_KEYS)]


@dataclass(frozen=True)
class History(Form):
    """The last entries of the audit; ``left_out``: older ones that were requested do not fit."""

    history: Annotated[list[Entry], Bounds(max_length=1_000_000, fail_fast=True)]
    left_out: bool


@dataclass(frozen=True)
class Evidence(Form):
    """The last events that the receiver took; ``left_out``: older ones do not fit."""

    events: Annotated[list[Event], Bounds(max_length=MOST_EVENTS, fail_fast=True)]
    left_out: bool


@dataclass(frozen=True)
class Remaining(Form):
    """The days for which a certificate is still valid."""

    days_left: Days


@dataclass(frozen=True)
class Alarm(Form):
    """A login from an address that had failed often before."""

    at: Clock
    address: Text
    user: Text
    failures: Count


@dataclass(frozen=True)
class Attacked(Form):
    """A user whom many addresses try."""

    user: Text
    until: Clock
    sources: Count


@dataclass(frozen=True)
class StaleName(Form):
    """A name or URL of the ignore list without a recent answer. ``at``: of the last one; 0 for none yet."""

    name: Text
    at: Clock
    error: Text


@dataclass(frozen=True)
class ActiveAlarm(Form):
    """An active alarm of banstitch-watch."""

    key: Text
    severity: Word
    since: Clock
    text: Text


_AlarmList = Annotated[list[ActiveAlarm], Bounds(max_length=300, fail_fast=True)]


@dataclass(frozen=True)
class ActiveAlarms(Form):
    """The active alarms; what each channel did last, or its error; notes for the operator."""

    alarms: _AlarmList
    channels: Annotated[dict[Text, Text], Bounds(max_length=30)]
    notes: Annotated[list[Text], Bounds(max_length=10, fail_fast=True)]


@dataclass(frozen=True)
class Status(Form):
    """The receiver's numbers as it serves them, versions, certificates; whether systemd ``filters`` who
    may connect; what the rules found; names that could not be looked up lately; ``active`` alarms."""

    metrics: LongText
    versions: Annotated[dict[Word, Version], Bounds(max_length=20)]
    certificates: Annotated[dict[Path, Optional[Remaining]], Bounds(max_length=100)]
    filters: bool
    alarms: Annotated[list[Alarm], Bounds(max_length=100, fail_fast=True)]
    attacked: Annotated[list[Attacked], Bounds(max_length=100, fail_fast=True)]
    stale: Annotated[list[StaleName], Bounds(max_length=100, fail_fast=True)]
    shield: Optional[ShieldState] = None
    active: _AlarmList = field(default_factory=list)


@dataclass(frozen=True)
class Refusal(Form):
    """The request was not carried out, or not to its end."""

    error: Annotated[str, Bounds(max_length=LONGEST_ERROR)]


# By the name of the request; a "refusal" may answer any of them.
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
    "allow": Allowed,
    "unallow": Unbanned,
    "shield": ShieldSet,
    "history": History,
    "evidence": Evidence,
    "status": Status,
    "alarms": ActiveAlarms,
    "try-channels": ActiveAlarms,
    "note-drift": Done,
}
