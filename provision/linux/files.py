"""Directories, files, tokens: what is made, what is changed, what is foreign and in the way."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provision.linux.attributes import attribute_diff, attributes
from provision.linux.draft import Draft, text_of
from provision.linux.resources import Digests, Directory, File, Tokens
from provision.plan import unified_diff

# After the name of a secret that a rotation under way still needs; see agent/rotation.py.
OLD = "#old"


def plan_directory(resource: Directory, draft: Draft) -> None:
    """Made, or set to its mode and owner; what is in it is nobody's business here."""
    state = draft.observed["paths"].get(resource.path)
    step = {"do": "directory", "data": resource.data, **attributes(resource)}
    if state is None:
        draft.change(resource.id, "create")
        draft.makes.append(step)
        return
    if state["type"] != "directory":
        draft.conflicts.append(f"{resource.path} is a {state['type']}, not a directory")
        return
    diff = attribute_diff(resource, state)
    if diff and not resource.data:
        draft.claim(resource.id, resource.path, "exists with another mode or owner")
    if diff or resource.id not in draft.owned:
        draft.change(resource.id, "update" if diff else "take over", diff)
        draft.makes.append(step)


def plan_file(resource: File, draft: Draft) -> None:
    """Written whole if a byte, its mode or its owner differs; one without content is only there."""
    state = draft.observed["paths"].get(resource.path)
    if not _is_file(resource, state, draft):
        return
    if resource.content is None:
        _touched(resource, state, draft)
        return
    before = text_of(state)
    differ = attribute_diff(resource, state) if state else ""
    if before == resource.content and not differ and resource.id in draft.owned:
        return
    if state is not None:
        draft.claim(resource.id, resource.path, "exists")
    diff = "\n".join(filter(None, (unified_diff(resource.path, before, resource.content), differ)))
    draft.change(resource.id, "create" if state is None else "update", diff)
    seen = base64.b64decode(state["content"]) if state and state["content"] is not None else None
    draft.files.append(
        {
            **attributes(resource),
            "content": base64.b64encode(resource.content.encode()).decode(),
            "check": resource.check,
            "seen": hashlib.sha256(seen).hexdigest() if seen is not None else "",
        }
    )


def _touched(resource: File, state: Mapping[str, Any] | None, draft: Draft) -> None:
    diff = attribute_diff(resource, state) if state else ""
    odd = state is not None and state["type"] != "file"
    if state is not None and not diff and not odd and resource.id in draft.owned:
        return
    reason = f"a {state['type']} is there and is moved aside" if state and odd else ""
    draft.change(resource.id, "create" if state is None else "update", diff, reason)
    draft.makes.append({"do": "touch", **attributes(resource)})


def plan_tokens(resource: Tokens, draft: Draft) -> None:
    """Each name has a secret, which the host makes; of the file only the names are compared and shown."""
    state = draft.observed["paths"].get(resource.path)
    if not _is_file(resource, state, draft):
        return
    known = draft.observed["tokens"]
    names = sorted(name for name in known or () if not name.endswith(OLD))
    diff = attribute_diff(resource, state) if state else ""
    wanted = sorted(resource.names)
    same = state is not None and known is not None and names == wanted and not diff
    if same and resource.id in draft.owned:
        return
    if state is not None:
        draft.claim(resource.id, resource.path, "exists")
    shown = unified_diff(resource.path, "\n".join(names) if state else None, "\n".join(wanted))
    draft.change(
        resource.id,
        "create" if state is None else "update",
        "\n".join(filter(None, (shown, diff))),
        "the secrets are made on the host and not shown",
    )
    step = {"do": "tokens", "names": wanted, **attributes(resource)}
    if state is None or not diff:
        draft.makes.append(step)
        return
    # a receiver of release 0.1 reads this file until it restarts: only then is it closed
    draft.makes.append({**step, **{each: state[each] for each in ("mode", "owner", "group")}})
    draft.last.append(step)


def plan_digests(resource: Digests, draft: Draft) -> None:
    """Compare the digests on the host with those of the secrets there; show names only."""
    state = draft.observed["paths"].get(resource.path)
    if not _is_file(resource, state, draft):
        return
    known = draft.observed["tokens"] or {}
    wanted = {n: secret for n, secret in known.items() if n.removesuffix(OLD) in resource.names}
    diff = attribute_diff(resource, state) if state else ""
    complete = set(resource.names) <= set(wanted)
    same = complete and text_of(state) == digests_text(wanted) and not diff
    if same and resource.id in draft.owned:
        return
    if state is not None:
        draft.claim(resource.id, resource.path, "exists")
    action = "create" if state is None else "update"
    draft.change(resource.id, action, diff, "follows the secrets; digests are not shown")
    draft.makes.append({"do": "digests", "tokens": resource.tokens, **attributes(resource)})


def digests_text(secrets: Mapping[str, str]) -> str:
    """Return what the agent writes for these secrets; see agent/digests.py."""
    found = {name: hashlib.sha256(secret.encode()).hexdigest() for name, secret in secrets.items()}
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def is_log(resource: File | Tokens | Digests) -> bool:
    """Return whether services write the file, so that only its being there matters."""
    return isinstance(resource, File) and resource.content is None


def _is_file(
    resource: File | Tokens | Digests, state: Mapping[str, Any] | None, draft: Draft
) -> bool:
    """Return whether a file can be put there: only what teardown can restore is adopted."""
    if state is None:
        return True
    if state["type"] != "file":
        if is_log(resource) and f"directory:{Path(resource.path).parent}" in draft.owned:
            return True
        draft.conflicts.append(f"{resource.path} is a {state['type']}, not a file")
        return False
    replaced = not isinstance(resource, File) or resource.content is not None
    if replaced and state["content"] is None and resource.id not in draft.owned:
        draft.conflicts.append(f"{resource.path} is too large to keep a copy of")
        return False
    return True
