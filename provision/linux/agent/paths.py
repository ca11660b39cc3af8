"""Read the state of a path, and restore it."""

from __future__ import annotations

import binascii
import hashlib
import os
import stat
from typing import Any, Literal, NamedTuple

from provision.linux.agent import host
from provision.linux.agent.host import group_name, owner_name
from provision.linux.agent.protocol.state import PathState
from provision.linux.agent.protocol.wire import from_json

# Bytes. The content of a larger file is not read; all of ours are much smaller.
LARGEST = 1_000_000


class Seen(NamedTuple):
    """The object at a path, if there is one, and its content if it was read."""

    status: os.stat_result | None
    content: bytes | None

    def to_state(self, with_content: bool = True) -> PathState | None:
        """Return it as a state; ``with_content``: with the content in base64, if it was read."""
        if self.status is None:
            return None
        content = None
        if with_content and self.content is not None:
            content = binascii.b2a_base64(self.content, newline=False).decode()
        return PathState(
            name_type(self.status.st_mode),
            stat.S_IMODE(self.status.st_mode),
            owner_name(self.status.st_uid),
            group_name(self.status.st_gid),
            content,
        )

    def compute_digest(self) -> str:
        """Return the SHA-256 of the content; empty if none was read."""
        return "" if self.content is None else hashlib.sha256(self.content).hexdigest()


def look_at(path: str, with_content: bool = True) -> Seen:
    """Return what is at ``path``; ``with_content``: read it if it is a file of reasonable size."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Seen(None, None)
    readable = stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST
    return Seen(status, _read_content(path, status) if with_content and readable else None)


def read_state(path: str) -> PathState | None:
    """Return type, mode, owner, group and, for a file of reasonable size, the content in base64."""
    return look_at(path).to_state()


def _read_content(path: str, seen: os.stat_result) -> bytes:
    """Read the file that was seen; nothing if the owner of its folder replaced it by a link meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            return file.read(LARGEST) if os.path.samestat(os.fstat(file.fileno()), seen) else b""
    except OSError:
        return b""


def name_type(mode: int) -> Literal["file", "directory", "link", "special"]:
    """Return the word for a type of file."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "link" if stat.S_ISLNK(mode) else "special"


def recall_state(before: Any) -> PathState | None:
    """Return the state that the manifest remembers as JSON."""
    return None if before is None else from_json(PathState, before)


def put_state(path: str, state: PathState | None) -> None:
    """Bring ``path`` to a recorded state: a file with its content, a directory's mode, or nothing.

    If nothing differs, nothing is written, so a full or read-only disk does not matter.
    """
    if read_state(path) == state:
        return
    if state is None:
        host.remove(path)
        return
    if state.type == "file" and state.content is not None:
        content = binascii.a2b_base64(state.content)
        host.write(path, content, state.mode, state.owner, state.group)
        return
    host.give(path, state.mode, state.owner, state.group)
