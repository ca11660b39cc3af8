"""Files with a known content, and logs, of which only the existence matters."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.state import PathState
from provision.linux.agent.protocol.steps import NewFile, Touch
from provision.linux.draft import Draft, text_of
from provision.linux.kinds.resource import (
    Resource,
    compare_attributes,
    join_diffs,
    read_attributes,
)
from provision.plan import unified_diff

Check = Literal["", "python", "systemd-unit", "fail2ban", "logrotate", "json"]
# The end of the names of files with secrets: JSON, {name: secret}. Plans and exports show the names only.
_HIDDEN = ".secret"
When = Literal["", "sshd_jail_without_log"]


@dataclass(frozen=True)
class File(Resource):
    """A file with its whole content. ``check`` names the checker that must accept it beforehand.

    ``content=None``: the file must exist, and services own its content (a log).
    ``when`` names a fact of the host without which the file is not desired.
    """

    path: str
    content: str | None
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    check: Check = ""
    when: When = ""

    @cached_property
    def id(self) -> ResourceId:
        return ResourceId("file", self.path)

    def add_to_request(self, request: Observe) -> None:
        """Ask for its content, mode and owner."""
        request.paths.append(self.path)
        if self.content is None:
            request.logs.append(self.path)
        else:
            request.desired[self.path] = digest_content(self.content)

    def plan(self, draft: Draft) -> None:
        """Write it whole if a byte, its mode or its owner differs; create a missing log."""
        state = draft.observed.paths.get(self.path)
        if not can_be_file(self, state, draft, self.content is None):
            return
        if self.content is None:
            self._plan_log(state, draft)
            return
        attributes = compare_attributes(self, state) if state else ""
        is_same = state is not None and state.content == encode_content(self.content)
        if is_same and not attributes and self.id in draft.owned:
            return
        before = self.content if is_same else text_of(state)
        if state is not None:
            draft.claim(self.id, self.path, "exists")
        is_secret = holds_secrets(self.path)
        reason = "it holds secrets, which are not shown" if is_secret and not is_same else ""
        difference = "" if is_secret else unified_diff(self.path, before, self.content)
        diff = join_diffs(difference, attributes)
        draft.change(self.id, "create" if state is None else "update", diff, reason)
        seen = base64.b64decode(state.content) if state and state.content is not None else None
        draft.files.append(
            NewFile(
                content=encode_content(self.content),
                check=self.check,
                seen=hashlib.sha256(seen).hexdigest() if seen is not None else "",
                **read_attributes(self),
            )
        )

    def _plan_log(self, state: PathState | None, draft: Draft) -> None:
        diff = compare_attributes(self, state) if state else ""
        is_odd = state is not None and state.type != "file"
        if state is not None and not diff and not is_odd and self.id in draft.owned:
            return
        reason = f"a {state.type} is there and is moved aside" if state and is_odd else ""
        draft.change(self.id, "create" if state is None else "update", diff, reason)
        draft.makes.append(Touch(**read_attributes(self)))


def holds_secrets(path: str) -> bool:
    """Return whether the content of a file is not to be shown."""
    return path.endswith(_HIDDEN)


def show_content(path: str, content: str) -> str:
    """Return the content of a file as a plan shows it: secrets by name, never by value."""
    if not holds_secrets(path) or not content:
        return content
    return json.dumps(dict.fromkeys(json.loads(content), "(secret)"), indent=1) + "\n"


# Nearly all files are the same at all sites. The bound keeps the others from adding up over a fleet.
@lru_cache(maxsize=256)
def encode_content(content: str) -> str:
    """Return the content of a file as an observation has it."""
    return base64.b64encode(content.encode()).decode()


@lru_cache(maxsize=256)
def digest_content(content: str) -> str:
    """Return the SHA-256 of the content of a file, by which the agent knows it."""
    return hashlib.sha256(content.encode()).hexdigest()


def can_be_file(
    resource: Resource, state: PathState | None, draft: Draft, is_log: bool = False
) -> bool:
    """Return whether a file can be put at the path: only what teardown can restore is adopted."""
    path = resource.id.name
    if state is None:
        return True
    if state.type != "file":
        if is_log and ResourceId("directory", str(Path(path).parent)) in draft.owned:
            return True
        draft.conflicts.append(f"{path} is a {state.type}, not a file")
        return False
    if not is_log and state.content is None and resource.id not in draft.owned:
        draft.conflicts.append(f"{path} is too large to keep a copy of")
        return False
    return True
