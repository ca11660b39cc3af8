"""Decide when a certificate on a ban host is renewed, from the days left that the host reports."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from provision.linux.attributes import attribute_diff, attributes
from provision.linux.draft import Draft
from provision.linux.pem import fingerprint
from provision.linux.resources import Authority, Certificate, Resource

RENEW_DAYS = 30
# A CA outlives what it signs: 397 days, renewed when 30 are left.
RENEW_AUTHORITY_DAYS = 397 + RENEW_DAYS

Found = Mapping[str, Any]


def sealed(desired: Sequence[Resource]) -> dict[str, str]:
    """Each file of key and certificate, and the one of the CA that should have signed it."""
    return {
        each.path: each.authority if isinstance(each, Certificate) else ""
        for each in desired
        if isinstance(each, Authority | Certificate)
    }


def plan_authority(resource: Authority, draft: Draft) -> None:
    """Plan a CA where there is none, and a new certificate for its key in time or for other names."""
    found = draft.observed["certificates"].get(resource.path)
    step = {"do": "authority", "names": list(resource.names), **attributes(resource)}
    _plan(resource, draft, _why_authority(resource, found), step, draft.makes)


def plan_certificate(resource: Certificate, draft: Draft) -> None:
    """Made anew in time, for other names, or when a new CA is to sign it."""
    found = draft.observed["certificates"].get(resource.path)
    given = resource.content.encode()
    step = {
        "do": "certificate",
        "authority": resource.authority,
        "names": list(resource.names),
        "content": base64.b64encode(given).decode(),
        **attributes(resource),
    }
    if not given:
        # A FortiGate refuses other names until it has the CA that permits them: no earlier than needed.
        late = found and found["sound"] and found["names"] != sorted(set(resource.names))
        why = _why(resource, found)
        _plan(resource, draft, why, step, draft.last if late else draft.makes)
        return
    same = found and found["digest"] == hashlib.sha256(given).hexdigest()
    _plan(resource, draft, "" if same else "another one was given", step, draft.makes)
    if found and same and found["days_left"] < RENEW_DAYS:
        draft.warnings.append(
            f"the certificate of the receiver expires in {found['days_left']:.0f} days: get a new one"
        )


def expiry(desired: Sequence[Resource], found: Mapping[str, Found | None]) -> dict[str, Any]:
    """Return how long https remains valid: ``kind`` (receiver_tls), ``days``, ``todo`` (may be "").

    ``days`` is whole, of the certificate or of its CA, whichever ends first; negative once it is
    over, None where one of them is missing, or where there is none to have.
    """
    ours = [each for each in desired if isinstance(each, Authority | Certificate)]
    if not ours:
        return {"kind": "off", "days": None, "todo": ""}
    given = any(isinstance(each, Certificate) and each.content for each in ours)
    kind, todo = ("files", "get a new one") if given else ("self_signed", "run apply")
    left = {each: state["days_left"] for each in ours if (state := found.get(each.path))}
    if len(left) < len(ours):
        return {"kind": kind, "days": None, "todo": "run apply"}
    due = any(
        days < (RENEW_DAYS if isinstance(each, Certificate) else RENEW_AUTHORITY_DAYS)
        for each, days in left.items()
    )
    soonest = min(left.values())
    days = round(soonest) if soonest >= 0 else math.floor(soonest)
    return {"kind": kind, "days": days, "todo": todo if due else ""}


def _why_authority(resource: Authority, found: Found | None) -> str:
    if not found:
        return "it holds no certificate"
    if found["days_left"] < RENEW_AUTHORITY_DAYS:
        return f"it expires in {found['days_left']:.0f} days; the key stays"
    if not found["sound"]:
        return "its key does not fit it"
    if not found["permits"]:
        return "it may sign for any name; the key stays"
    if found["permits"] != sorted(set(resource.names)):
        return f"it may sign for {', '.join(found['permits'])}; the key stays"
    return ""


def _why(resource: Certificate, found: Found | None) -> str:
    if not found:
        return "it holds no certificate"
    if found["days_left"] < RENEW_DAYS:
        return f"it expires in {found['days_left']:.0f} days"
    if found["names"] != sorted(set(resource.names)):
        return f"it is good for {', '.join(found['names']) or 'no name'}"
    return "" if found["sound"] else "its CA did not sign it, or its key does not fit it"


def _origin(resource: Authority | Certificate) -> str:
    given = getattr(resource, "content", "")
    if not given:
        return "made on the host; its key is not shown"
    return f"given, SHA-256 {fingerprint(given)}; its key is not shown"


def _plan(
    resource: Authority | Certificate,
    draft: Draft,
    why: str,
    step: dict[str, Any],
    steps: list[dict[str, Any]],
) -> None:
    state = draft.observed["paths"].get(resource.path)
    if state is not None and state["type"] != "file":
        draft.conflicts.append(f"{resource.path} is a {state['type']}, not a file")
        return
    diff = attribute_diff(resource, state) if state else ""
    if state is not None and not why and not diff and resource.id in draft.owned:
        return
    if state is not None:
        draft.claim(resource.id, resource.path, "exists")
    names = "\n".join(f"+{name}" for name in getattr(resource, "names", ())) if why else ""
    draft.change(
        resource.id,
        "create" if state is None else "update",
        "\n".join(filter(None, (names, diff))),
        why if state is not None else _origin(resource),
    )
    steps.append(step)
