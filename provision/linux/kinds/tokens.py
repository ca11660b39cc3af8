"""Secrets that are created on the host, and the digests of them that the receiver may read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from banstitch_shared.tokens import OLD, format_digests

from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.steps import MakeDigests, MakeTokens
from provision.linux.draft import Draft, text_of
from provision.linux.kinds.file import can_be_file
from provision.linux.kinds.resource import (
    Resource,
    compare_attributes,
    join_diffs,
    read_attributes,
)
from provision.plan import unified_diff


@dataclass(frozen=True)
class Tokens(Resource):
    """A JSON file ``{name: secret}`` whose secrets are created on the host, and read back afterwards.

    A new name gets a new secret, a name that is gone loses it, and the others keep theirs.
    """

    path: str
    names: tuple[str, ...]
    mode: int = 0o640
    owner: str = "root"
    group: str = "root"

    @property
    def id(self) -> ResourceId:
        return ResourceId("tokens", self.path)

    def add_to_request(self, request: Observe) -> None:
        """Ask for the mode and owner of the file."""
        request.paths.append(self.path)

    def plan(self, draft: Draft) -> None:
        """Create missing secrets. Only the names are compared and shown."""
        state = draft.observed.paths.get(self.path)
        if not can_be_file(self, state, draft):
            return
        known = draft.observed.tokens
        names = sorted(name for name in known or () if not name.endswith(OLD))
        attributes = compare_attributes(self, state) if state else ""
        desired = sorted(self.names)
        is_same = state is not None and known is not None and names == desired and not attributes
        if is_same and self.id in draft.owned:
            return
        if state is not None:
            draft.claim(self.id, self.path, "exists")
        shown = unified_diff(self.path, "\n".join(names) if state else None, "\n".join(desired))
        draft.change(
            self.id,
            "create" if state is None else "update",
            join_diffs(shown, attributes),
            "the secrets are created on the host and not shown",
        )
        step = MakeTokens(names=tuple(desired), **read_attributes(self))
        if state is None or not attributes:
            draft.makes.append(step)
            return
        # a receiver of release 0.1 reads this file until it restarts: only then is it closed
        draft.makes.append(replace(step, mode=state.mode, owner=state.owner, group=state.group))
        draft.last.append(step)


@dataclass(frozen=True)
class Digests(Resource):
    """A JSON file ``{name: SHA-256}`` of the secrets in the file ``tokens``."""

    path: str
    tokens: str
    names: tuple[str, ...]
    mode: int = 0o640
    owner: str = "root"
    group: str = "root"

    @property
    def id(self) -> ResourceId:
        return ResourceId("digests", self.path)

    def add_to_request(self, request: Observe) -> None:
        """Ask for its content, mode and owner."""
        request.paths.append(self.path)

    def plan(self, draft: Draft) -> None:
        """Compare the digests with those of the secrets on the host; show names only."""
        state = draft.observed.paths.get(self.path)
        if not can_be_file(self, state, draft):
            return
        secrets = draft.observed.tokens or {}
        desired = {
            name: secret for name, secret in secrets.items() if name.removesuffix(OLD) in self.names
        }
        attributes = compare_attributes(self, state) if state else ""
        is_complete = set(self.names) <= set(desired)
        is_same = is_complete and text_of(state) == format_digests(desired) and not attributes
        if is_same and self.id in draft.owned:
            return
        if state is not None:
            draft.claim(self.id, self.path, "exists")
        action = "create" if state is None else "update"
        draft.change(self.id, action, attributes, "follows the secrets; digests are not shown")
        draft.makes.append(MakeDigests(tokens=self.tokens, **read_attributes(self)))
