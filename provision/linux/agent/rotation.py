"""Replace secrets without ever refusing an old one that is still in use.

While a FortiGate has not been given the new secret, the file holds both, the old one under its name
with #old after it, and the receiver takes either.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from banstitch_shared.tokens import name_old

from provision.linux.agent import digests, host, memory
from provision.linux.agent.host import HostError
from provision.linux.agent.paths import read_state
from provision.linux.agent.protocol.answers import Rotated
from provision.linux.agent.protocol.requests import Rotate
from provision.linux.agent.tokens_file import read_tokens


def begin(request: Rotate) -> Rotated:
    """Create new secrets for ``names`` of the file ``tokens``; a rotation in progress keeps its own.

    Raises:
        HostError: the file does not have these secrets.
    """
    if memory.load() is None:  # checked before the lock, which would leave its directory behind
        raise HostError("this ban host was never deployed; run apply for it first")
    with memory.Lock(exclusive=True):
        known = read_tokens(request.tokens) or {}
        missing = [name for name in request.names if name not in known]
        if missing:
            raise HostError(f"{request.tokens} has no {', '.join(missing)}; run apply first")
        due = [name for name in request.names if name_old(name) not in known]
        store(
            request.tokens,
            {
                **known,
                **{name_old(name): known[name] for name in due},
                **{name: secrets.token_urlsafe(32) for name in due},
            },
        )
    return Rotated(bool(due))


def kept(known: dict[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return the old secrets of ``names`` that a rotation in progress still needs."""
    return {name_old(name): known[name_old(name)] for name in names if name_old(name) in known}


def retire(path: str, names: Sequence[str]) -> None:
    """Drop the old secrets of ``names``, so that they are refused from now on."""
    known = read_tokens(path) or {}
    left = {k: v for k, v in known.items() if k not in {name_old(name) for name in names}}
    if left != known:
        store(path, left)


def store(path: str, wanted: dict[str, str]) -> None:
    """Replace the secrets in the file ``path``, and their digests beside it."""
    state = read_state(path)
    if state is None:
        raise HostError(f"{path} is missing; run apply first")
    text = json.dumps(wanted, indent=1, sort_keys=True) + "\n"
    host.write(path, text.encode(), state.mode, state.owner, state.group)
    digests.renew(path, wanted)
