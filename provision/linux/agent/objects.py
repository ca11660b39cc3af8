"""Making, changing and taking back the objects of a host: files, directories, the user, the tokens.

Every function first tells the :class:`Journal` what stood there: the manifest remembers the state before
our first run (for teardown), the journal the state before this run (for a failure).
"""

from __future__ import annotations

import base64
import errno
import glob
import hashlib
import json
import os
import secrets
import stat
import time
from collections.abc import Callable
from typing import Any, Optional

from banstitch_shared.tokens import format_digests

from provision.linux.agent import data, host, rotation
from provision.linux.agent import manifest as memory
from provision.linux.agent.host import HostError
from provision.linux.agent.observe import path_state, tokens, user_exists

Step = dict[str, Any]
State = Optional[dict[str, Any]]

# useradd and userdel keep the version before under these names; part of what was there before, too.
NO_SHELL = "/usr/sbin/nologin"
ACCOUNT_FILES = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")


class Journal:
    """The manifest while it changes, and how to take back what this run did."""

    def __init__(self, manifest: memory.Manifest) -> None:
        self.manifest = manifest
        # whether anything that running services read has been changed
        self.activated = False
        # what the operator should know of a run that succeeds
        self.notes: list[str] = []
        self._undo: list[Callable[[], None]] = []

    def own(self, identity: str, before: State, data: bool = False) -> None:
        """Remember on disk that ``identity`` is ours from now on, and what stood there before.

        ``data`` marks what a teardown keeps unless it is told to purge.
        """
        if memory.find(self.manifest, identity) is None:
            self.manifest["objects"].append({"id": identity, "before": before, "data": data})
            memory.save(self.manifest)

    def disown(self, identity: str) -> None:
        """Forget an object that is no longer ours."""
        self.manifest["objects"] = [e for e in self.manifest["objects"] if e["id"] != identity]
        memory.save(self.manifest)

    def on_failure(self, action: Callable[[], None]) -> None:
        """Return the steps that undo the run after a failure, the last one first."""
        self._undo.append(action)

    def undo(self) -> list[str]:
        """Take back everything of this run; what could not be taken back, in words."""
        left = []
        for action in reversed(self._undo):
            try:
                action()
            except OSError as error:
                left.append(host.explain(error))
            except (HostError, LookupError) as error:
                left.append(str(error))
        return left


def put_path(path: str, state: State) -> None:
    """Bring ``path`` to a recorded state: a file with its content, a directory's mode, or nothing.

    What is in that state is left alone: a disk that is full or read-only cannot make that fail.
    """
    if path_state(path) == state:
        return
    if state is None:
        host.remove(path)
        return
    if state["type"] == "file" and state["content"] is not None:
        content = base64.b64decode(state["content"])
        host.write(path, content, state["mode"], state["owner"], state["group"])
        return
    host.give(path, state["mode"], state["owner"], state["group"])


def make_user(step: Step, journal: Journal) -> None:
    """A system user and its group; one that was there already is used and stays at teardown."""
    if user_exists(step["name"]):
        journal.own("user:" + step["name"], {"theirs": True})
        return
    if not os.access("/etc", os.W_OK):  # useradd would blame a lock
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "/etc")
    before = {
        "backups": {path + "-": path_state(path + "-") for path in ACCOUNT_FILES},
        "files": {path: _digest(path) for path in ACCOUNT_FILES},
    }
    journal.own("user:" + step["name"], before)
    journal.on_failure(lambda: drop_user(step["name"], before))
    argv = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", NO_SHELL]
    host.must([*argv, "--home-dir", step["home"], step["name"]])


def drop_user(name: str, before: dict[str, Any]) -> None:
    """The user is gone, and so is the trace that its coming and going left in the account files."""
    if before.get("theirs"):
        return
    if user_exists(name):
        host.must(["userdel", name])
    for path, live in before["files"].items():
        if _digest(path) == live:
            put_path(path + "-", before["backups"][path + "-"])


def _digest(path: str) -> str:
    return hashlib.sha256(host.read(path) or b"").hexdigest()


def make_directory(step: Step, journal: Journal) -> None:
    """A directory with its mode and owner; a data directory takes over what an earlier one left."""
    path = step["path"]
    before = path_state(path)
    journal.own("directory:" + path, None if step["data"] else before, step["data"])
    if before is None:
        journal.on_failure(lambda: host.remove(path))
        os.mkdir(path)
    else:
        journal.on_failure(lambda: put_path(path, before))
    # first the folder: from then on nobody else can change a name in it
    host.give(path, step["mode"], step["owner"], step["group"])
    if step["data"] and before is not None:
        data.hand_over(path, step["owner"], step["group"])


def make_tokens(step: Step, journal: Journal) -> None:
    """Secrets for names that have none yet; names that are gone lose theirs, the others keep them."""
    path = step["path"]
    before = path_state(path)
    known = tokens(path) or {}
    wanted = {name: known.get(name) or secrets.token_urlsafe(32) for name in step["names"]}
    wanted |= rotation.kept(known, step["names"])
    journal.own("tokens:" + path, before)
    journal.on_failure(lambda: put_path(path, before))
    if wanted == known:
        # the same file: the receiver of release 0.1, which still reads it, would notice a new one
        host.give(path, step["mode"], step["owner"], step["group"])
        return
    text = json.dumps(wanted, indent=1, sort_keys=True) + "\n"
    host.write(path, text.encode(), step["mode"], step["owner"], step["group"])


def make_digests(step: Step, journal: Journal) -> None:
    """Write the digests of the secrets in the file ``tokens`` of the step."""
    path = step["path"]
    before = path_state(path)
    journal.own("digests:" + path, before)
    journal.on_failure(lambda: put_path(path, before))
    content = format_digests(tokens(step["tokens"]) or {}).encode()
    host.write(path, content, step["mode"], step["owner"], step["group"])


def touch(step: Step, journal: Journal) -> None:
    """A file that services write: it exists, with its mode and owner."""
    path = step["path"]
    _move_aside(path, journal)
    before = path_state(path)
    journal.own("file:" + path, None, data=True)
    if before is None:
        journal.on_failure(lambda: host.remove(path))
        host.write(path, b"", step["mode"], step["owner"], step["group"])
        return
    journal.on_failure(lambda: put_path(path, dict(before, content=None)))
    host.give(path, step["mode"], step["owner"], step["group"])


def _move_aside(path: str, journal: Journal) -> None:
    """Keep what is not a plain file of one name under another name: the receiver could not write to it.

    Up to release 0.1 the receiver's user could put a pipe, a link or a directory there.
    """
    if not os.path.lexists(path):
        return
    about = os.lstat(path)
    if stat.S_ISREG(about.st_mode) and about.st_nlink == 1:
        return
    aside = f"{path}.odd-{time.time_ns()}"
    os.rename(path, aside)
    journal.on_failure(lambda: os.rename(aside, path))


def commit_file(step: Step, journal: Journal) -> None:
    """Put a staged file in place."""
    path = step["path"]
    before = path_state(path)
    journal.own("file:" + path, before)
    journal.on_failure(lambda: put_path(path, before))
    host.commit(path)


def take_back(identity: str, journal: Journal, purge: bool) -> None:
    """Restore what stood where ``identity`` is, or remove it, and forget it.

    Data stay, as root's, unless ``purge``. A directory that holds something else stays in any case.
    """
    entry = memory.find(journal.manifest, identity)
    if entry is None:
        return
    kind, _, name = identity.partition(":")
    if kind == "user":
        drop_user(name, entry["before"])
    elif kind == "directory":
        _take_back_directory(name, entry, purge, journal)
    elif entry["data"]:
        if purge:
            data.drop(name)
    elif not os.path.isdir(name) or os.path.islink(name):
        now = path_state(name)
        journal.on_failure(lambda: put_path(name, now))
        put_path(name, entry["before"])
        host.remove(host.staged_path(name))
        _drop_bytecode(name)
    journal.disown(identity)


def _take_back_directory(path: str, entry: dict[str, Any], purge: bool, journal: Journal) -> None:
    if not os.path.isdir(path) or os.path.islink(path):
        return
    if entry["before"] is not None:
        put_path(path, entry["before"])
        return
    if entry["data"] and purge:
        data.purge(path)
    else:
        _drop_bytecode(os.path.join(path, "*.py"))
        if not os.listdir(path):
            os.rmdir(path)
    if os.path.isdir(path):
        data.keep(path, journal.manifest)


def _drop_bytecode(path: str) -> None:
    """Python leaves compiled copies beside what it imports; they are ours when the source was."""
    if not path.endswith(".py"):
        return
    folder, base = os.path.split(path)
    cache = os.path.join(folder, "__pycache__")
    for compiled in glob.glob(os.path.join(glob.escape(cache), base[:-3] + ".*.pyc")):
        os.unlink(compiled)
    if os.path.isdir(cache) and not os.listdir(cache):
        os.rmdir(cache)
