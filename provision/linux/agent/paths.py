"""Read the state of a path, and restore it."""

from __future__ import annotations

import binascii
import os
import stat
from typing import Any, Literal

from provision.linux.agent import host
from provision.linux.agent.host import group_name, owner_name
from provision.linux.agent.protocol.state import PathState
from provision.linux.agent.protocol.wire import from_json

# Bytes. The content of a larger file is not read; all of ours are much smaller.
LARGEST = 1_000_000


def read_state(path: str, with_content: bool = True) -> PathState | None:
    """Return type, mode, owner, group and, for a file of reasonable size, the content in base64."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    content = None
    if with_content and stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST:
        content = binascii.b2a_base64(_read_content(path, status), newline=False).decode()
    return PathState(
        name_type(status.st_mode),
        stat.S_IMODE(status.st_mode),
        owner_name(status.st_uid),
        group_name(status.st_gid),
        content,
    )


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
