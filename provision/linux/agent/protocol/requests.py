"""The requests that the agent carries out, each with the form of its answer. Observe is in observe.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Optional

from provision.linux.agent.protocol import answers
from provision.linux.agent.protocol.observe import Observe, Request
from provision.linux.agent.protocol.steps import Step


@dataclass(frozen=True)
class Apply(Request[answers.Applied]):
    """Carry out ``steps``, if the digest of what ``observe`` finds still equals ``seen``.

    ``seen`` may also be the digest of a host that was never touched, for one that had no Python until now.
    Packages that this one has are left out of the steps then.
    """

    do: ClassVar[str] = "apply"
    verb: str
    steps: tuple[Step, ...]
    observe: Observe
    seen: str


@dataclass(frozen=True)
class Remember(Request[answers.Done]):
    """Store the record of a FortiGate, or drop it if ``record`` is None.

    ``retire``: names in the file ``tokens`` whose old secrets it does not use any more.
    """

    do: ClassVar[str] = "remember"
    fortigate: str
    record: Any
    tokens: str
    retire: tuple[str, ...]


@dataclass(frozen=True)
class TakeLease(Request[answers.Leased]):
    """Take the lease on a FortiGate.

    ``owner``: the name that other operators see. ``process``: a unique name. ``seconds``: until it expires.
    ``wait``: seconds to wait for another holder. ``dead``: a process whose lease is void.
    """

    do: ClassVar[str] = "lease"
    fortigate: str
    owner: str
    process: str
    seconds: float
    wait: float
    dead: str


@dataclass(frozen=True)
class ReleaseLease(Request[answers.Done]):
    """Release a lease."""

    do: ClassVar[str] = "release"
    fortigate: str
    process: str


@dataclass(frozen=True)
class SelfTest(Request[answers.SelfTested]):
    """Post ``count`` events of ``line`` to ``url``, wait for ``address`` in the feed, and unban it.

    ``certificate``: the file of the receiver's, or "". ``token``: a name in the file ``tokens``, which is
    the feed's user name, too. ``patience``: seconds to wait for each step. ``fetchers``: FortiGates of
    which each must fetch the feed afterwards, within ``wait`` seconds.
    """

    do: ClassVar[str] = "self-test"
    url: str
    feed_url: str
    health_url: str
    certificate: str
    header: str
    tokens: str
    token: str
    jail: str
    address: str
    line: str
    count: int
    patience: float
    fetchers: tuple[str, ...] = ()
    wait: float = 0


@dataclass(frozen=True)
class Rotate(Request[answers.Rotated]):
    """Create new secrets for ``names`` of the file ``tokens``."""

    do: ClassVar[str] = "rotate"
    tokens: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class ListBans(Request[answers.Bans]):
    """List the live bans of ``jails``; ``shared``: the file of those of other sites, or ""."""

    do: ClassVar[str] = "bans"
    spool: str
    audit: str
    jails: tuple[str, ...]
    shared: str = ""


@dataclass(frozen=True)
class BanAddress(Request[answers.Banned]):
    """Ban an address for ``seconds``: -1 is for ever, None is the jail's ban time."""

    do: ClassVar[str] = "ban"
    jail: str
    address: str
    seconds: Optional[int]
    by: str
    why: str


@dataclass(frozen=True)
class UnbanAddress(Request[answers.Unbanned]):
    """Unban an address in every jail of ``jails`` and of the spool; ``shared`` as in :class:`ListBans`."""

    do: ClassVar[str] = "unban"
    spool: str
    jails: tuple[str, ...]
    address: str
    by: str
    why: str
    shared: str = ""


@dataclass(frozen=True)
class AllowNetwork(Request[answers.Allowed]):
    """Ban an address or a network in no jail for ``seconds``. ``group`` may read the file in ``spool``."""

    do: ClassVar[str] = "allow"
    spool: str
    group: str
    network: str
    seconds: int
    by: str
    why: str


@dataclass(frozen=True)
class UnallowNetwork(Request[answers.Unbanned]):
    """End an allowance."""

    do: ClassVar[str] = "unallow"
    spool: str
    group: str
    network: str
    by: str
    why: str


@dataclass(frozen=True)
class SetShield(Request[answers.ShieldSet]):
    """Keep the shield up, or down, for ``seconds``.

    ``group`` may read the order in ``spool``; ``rules``: the folder of banstitch-rules.
    """

    do: ClassVar[str] = "shield"
    spool: str
    group: str
    rules: str
    up: bool
    seconds: int
    by: str
    why: str


@dataclass(frozen=True)
class ListAlarms(Request[answers.ActiveAlarms]):
    """List the alarms in the ``folder`` of the service ``unit``; an empty name: alarms are off."""

    do: ClassVar[str] = "alarms"
    folder: str
    unit: str


@dataclass(frozen=True)
class TryChannels(Request[answers.ActiveAlarms]):
    """Have the service ``unit`` send a test through each channel."""

    do: ClassVar[str] = "try-channels"
    folder: str
    unit: str


@dataclass(frozen=True)
class NoteDrift(Request[answers.Done]):
    """Note in the file ``path`` how many ``changes`` `apply` would make. ``group`` may read it."""

    do: ClassVar[str] = "note-drift"
    path: str
    group: str
    changes: int
    by: str


@dataclass(frozen=True)
class ReadHistory(Request[answers.History]):
    """Return the ``last`` entries of the audit."""

    do: ClassVar[str] = "history"
    audit: str
    last: int


@dataclass(frozen=True)
class ReadEvidence(Request[answers.Evidence]):
    """Return the events that the receiver took, as far as they fit."""

    do: ClassVar[str] = "evidence"
    evidence: str


@dataclass(frozen=True)
class ReadStatus(Request[answers.Status]):
    """Read the receiver's numbers at ``url``, as ``user``, a name in the file ``tokens``.

    ``certificate``: the file of the receiver's, or "". ``filters``: the unit that filters addresses, or "".
    ``rules``: the folder of banstitch-rules. ``names``: names and URLs that banstitch-watch looks up, with
    answers in the file ``looked_up``. ``watch``: the folder with its alarms, empty if they are off.
    ``sealed`` as in :class:`Observe`.
    """

    do: ClassVar[str] = "status"
    url: str = ""
    certificate: str = ""
    tokens: str = ""
    user: str = ""
    filters: str = ""
    rules: str = ""
    names: list[str] = field(default_factory=list)
    looked_up: str = ""
    watch: str = ""
    sealed: dict[str, str] = field(default_factory=dict)
