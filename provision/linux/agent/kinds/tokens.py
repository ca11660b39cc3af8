"""Secrets that are created on the host, and their digests."""

from __future__ import annotations

import json
import secrets

from banstitch_shared.tokens import format_digests

from provision.linux.agent import host, rotation
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds.file import take_back
from provision.linux.agent.kinds.kind import Kind
from provision.linux.agent.paths import put_state, read_state
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.steps import MakeDigests, MakeTokens
from provision.linux.agent.tokens_file import read_tokens


def make_tokens(step: MakeTokens, journal: Journal) -> None:
    """Create the missing secrets, drop those whose names are gone, and keep the others."""
    path = step.path
    before = read_state(path)
    known = read_tokens(path) or {}
    wanted = {name: known.get(name) or secrets.token_urlsafe(32) for name in step.names}
    wanted |= rotation.kept(known, step.names)
    journal.own(ResourceId("tokens", path), before)
    journal.on_failure(lambda: put_state(path, before))
    if wanted == known:
        # the same file: the receiver of release 0.1, which still reads it, would notice a new one
        host.give(path, step.mode, step.owner, step.group)
        return
    text = json.dumps(wanted, indent=1, sort_keys=True) + "\n"
    host.write(path, text.encode(), step.mode, step.owner, step.group)


def make_digests(step: MakeDigests, journal: Journal) -> None:
    """Write the digests of the secrets in the file ``tokens`` of the step."""
    path = step.path
    before = read_state(path)
    journal.own(ResourceId("digests", path), before)
    journal.on_failure(lambda: put_state(path, before))
    content = format_digests(read_tokens(step.tokens) or {}).encode()
    host.write(path, content, step.mode, step.owner, step.group)


KIND = Kind(
    steps={MakeTokens: make_tokens, MakeDigests: make_digests},
    objects=("tokens", "digests"),
    take_back=take_back,
)
