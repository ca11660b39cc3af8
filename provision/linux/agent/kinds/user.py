"""System users."""

from __future__ import annotations

import errno
import hashlib
import os
import pwd
from typing import Any

from provision.linux.agent import host
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds.kind import Kind
from provision.linux.agent.memory import Entry
from provision.linux.agent.paths import put_state, read_state, recall_state
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.steps import MakeUser
from provision.linux.agent.protocol.wire import to_json

NO_SHELL = "/usr/sbin/nologin"
# useradd and userdel keep backups of these files, with "-" after the name; teardown restores those, too.
ACCOUNT_FILES = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")


def make(step: MakeUser, journal: Journal) -> None:
    """Create a system user and its group; an existing user is used, and teardown keeps it."""
    identity = ResourceId("user", step.name)
    if host.has_user(step.name):
        journal.own(identity, {"theirs": True})
        if not host.has_group(step.name):  # a power cut ended useradd between two of its files
            _make_group(step.name)
        return
    if not os.access("/etc", os.W_OK):  # useradd would report a lock as the cause
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "/etc")
    before = to_json(
        {
            "backups": {path + "-": read_state(path + "-") for path in ACCOUNT_FILES},
            "files": {path: _digest(path) for path in ACCOUNT_FILES},
        }
    )
    journal.own(identity, before)
    journal.on_failure(lambda: _drop(step.name, before))
    argv = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", NO_SHELL]
    host.must([*argv, "--home-dir", step.home, step.name])


def _make_group(name: str) -> None:
    """Create the group of a user, with the number that the user has for it, if no other group has that."""
    number = pwd.getpwnam(name).pw_gid
    is_free = host.group_name(number) == str(number)
    host.must(["groupadd", "--system", *(["--gid", str(number)] if is_free else []), name])


def take_back(entry: Entry, journal: Journal, purge: bool) -> None:
    """Remove a user that we created."""
    _drop(entry.id.name, entry.before)


def _drop(name: str, before: Any) -> None:
    """Remove a user, and its traces in the backups of the account files."""
    if before.get("theirs"):
        return
    if host.has_user(name):
        host.must(["userdel", name])
    for path, live in before["files"].items():
        if _digest(path) == live:
            put_state(path + "-", recall_state(before["backups"][path + "-"]))


def _digest(path: str) -> str:
    return hashlib.sha256(host.read(path) or b"").hexdigest()


KIND = Kind(steps={MakeUser: make}, objects=("user",), take_back=take_back)
