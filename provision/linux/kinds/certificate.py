"""The CA that a ban host creates, and the certificate of the receiver.

Certificates are renewed from the days left that the host reports, so the controller's clock does not matter.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from provision.linux.agent.protocol.bounds import SERVER_DAYS
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.state import CertificateState
from provision.linux.agent.protocol.steps import MakeAuthority, MakeCertificate, Step
from provision.linux.draft import Draft
from provision.linux.kinds.resource import (
    Resource,
    compare_attributes,
    join_diffs,
    read_attributes,
)
from provision.linux.pem import fingerprint

RENEW_DAYS = 30
RECEIVER = "the receiver"
# A CA outlives what it signs.
RENEW_AUTHORITY_DAYS = SERVER_DAYS + RENEW_DAYS


@dataclass(frozen=True)
class Authority(Resource):
    """A small CA that is created on the host: its key and its certificate, in one file for root alone.

    ``names``: the only addresses and host names that it may sign for.
    """

    path: str
    names: tuple[str, ...]
    mode: int = 0o600
    owner: str = "root"
    group: str = "root"

    @property
    def id(self) -> ResourceId:
        return ResourceId("authority", self.path)

    def add_to_request(self, request: Observe) -> None:
        """Request the facts in its certificate; its key is not read."""
        request.sealed[self.path] = ""

    def plan(self, draft: Draft) -> None:
        """Create a missing CA; give its key a new certificate in time, or for other names."""
        found = draft.observed.certificates.get(self.path)
        step = MakeAuthority(names=self.names, **read_attributes(self))
        _plan(self, draft, self._explain(found), step, draft.makes)

    def _explain(self, found: CertificateState | None) -> str:
        if not found:
            return "it holds no certificate"
        if found.days_left < RENEW_AUTHORITY_DAYS:
            return f"it expires in {found.days_left:.0f} days; the key stays"
        if not found.sound:
            return "its key does not match it"
        if not found.permits:
            return "it may sign for any name; the key stays"
        if found.permits != sorted(set(self.names)):
            return f"it may sign for {', '.join(found.permits)}; the key stays"
        return ""


@dataclass(frozen=True)
class Certificate(Resource):
    """A server's key and certificate in one file: created on the host, or given as ``content``.

    ``names``: the addresses and host names that it is valid for. ``authority``: the path of the CA that
    signs it, empty for a given one. ``purpose``: what it is for.
    """

    path: str
    names: tuple[str, ...]
    authority: str = ""
    content: str = field(default="", repr=False)
    mode: int = 0o640
    owner: str = "root"
    group: str = "root"
    purpose: str = RECEIVER

    @property
    def id(self) -> ResourceId:
        return ResourceId("certificate", self.path)

    def add_to_request(self, request: Observe) -> None:
        """Request its facts, and whether its CA signed it."""
        request.sealed[self.path] = self.authority

    def plan(self, draft: Draft) -> None:
        """Create it, and renew it in time, for other names, or when a new CA is to sign it."""
        found = draft.observed.certificates.get(self.path)
        step = self._make_step()
        if not self.content:
            # A FortiGate refuses other names until it has the CA that permits them: no earlier than needed.
            late = found and found.sound and found.names != sorted(set(self.names))
            _plan(self, draft, self._explain(found), step, draft.last if late else draft.makes)
            return
        digest = hashlib.sha256(self.content.encode()).hexdigest()
        is_same = found and found.digest == digest
        _plan(self, draft, "" if is_same else "another certificate was given", step, draft.makes)
        if found and is_same and found.days_left < RENEW_DAYS:
            days = f"{found.days_left:.0f} days"
            draft.warnings.append(
                f"the certificate of {self.purpose} expires in {days}: get a new one"
            )

    def _make_step(self) -> MakeCertificate:
        return MakeCertificate(
            authority=self.authority,
            names=self.names,
            content=base64.b64encode(self.content.encode()).decode(),
            **read_attributes(self),
        )

    def _explain(self, found: CertificateState | None) -> str:
        if not found:
            return "it holds no certificate"
        if found.days_left < RENEW_DAYS:
            return f"it expires in {found.days_left:.0f} days"
        if found.names != sorted(set(self.names)):
            return f"it is valid for {', '.join(found.names) or 'no name'}"
        return "" if found.sound else "its CA did not sign it, or its key does not match it"


def describe_expiry(
    desired: Sequence[Resource], days_left: Mapping[str, float | None]
) -> dict[str, str | int | None]:
    """Return how long https remains valid: ``kind`` (receiver_tls), ``days``, ``todo`` (may be "").

    ``days_left``: of each file with a certificate. ``days`` is whole, of the certificate or of its CA,
    whichever ends first; negative once it is over, None where one of them is missing, or where there is
    none to have.
    """
    ours = [
        each
        for each in desired
        if isinstance(each, Authority)
        or (isinstance(each, Certificate) and each.purpose == RECEIVER)
    ]
    if not ours:
        return {"kind": "off", "days": None, "todo": ""}
    given = any(isinstance(each, Certificate) and each.content for each in ours)
    kind, todo = ("files", "get a new one") if given else ("self_signed", "run apply")
    left = {each: days for each in ours if (days := days_left.get(each.path)) is not None}
    if len(left) < len(ours):
        return {"kind": kind, "days": None, "todo": "run apply"}
    due = any(
        days < (RENEW_DAYS if isinstance(each, Certificate) else RENEW_AUTHORITY_DAYS)
        for each, days in left.items()
    )
    soonest = min(left.values())
    days = round(soonest) if soonest >= 0 else math.floor(soonest)
    return {"kind": kind, "days": days, "todo": todo if due else ""}


def _origin(resource: Authority | Certificate) -> str:
    given = getattr(resource, "content", "")
    if not given:
        return "made on the host; its key is not shown"
    return f"given, SHA-256 {fingerprint(given)}; its key is not shown"


def _plan(
    resource: Authority | Certificate, draft: Draft, why: str, step: Step, steps: list[Step]
) -> None:
    state = draft.observed.paths.get(resource.path)
    if state is not None and state.type != "file":
        draft.conflicts.append(f"{resource.path} is a {state.type}, not a file")
        return
    attributes = compare_attributes(resource, state) if state else ""
    if state is not None and not why and not attributes and resource.id in draft.owned:
        return
    if state is not None:
        draft.claim(resource.id, resource.path, "exists")
    names = "\n".join(f"+{name}" for name in resource.names) if why else ""
    draft.change(
        resource.id,
        "create" if state is None else "update",
        join_diffs(names, attributes),
        why if state is not None else _origin(resource),
    )
    steps.append(step)
