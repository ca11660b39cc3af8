"""Files with a known content, logs, and the paths of all other objects on the disk."""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import replace
from threading import Event

from provision.linux.agent import bytecode, data, host
from provision.linux.agent.beside import Beside
from provision.linux.agent.checkers import ALONE, CHECK, check_units, unchecked
from provision.linux.agent.fail2ban_check import check_fail2ban, is_accepted_early
from provision.linux.agent.host import HostError, tail
from provision.linux.agent.journal import Journal, Staged
from provision.linux.agent.kinds.kind import Kind
from provision.linux.agent.memory import Entry
from provision.linux.agent.paths import put_state, read_state, recall_state
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.steps import NewFile, PutFiles, Touch

_FAIL2BAN = "/etc/fail2ban/"


def touch(step: Touch, journal: Journal) -> None:
    """Make a file that services write, with its mode and owner."""
    path = step.path
    _move_aside(path, journal)
    before = read_state(path)
    journal.own(ResourceId("file", path), None, data=True)
    if before is None:
        journal.on_failure(lambda: host.remove(path))
        host.write(path, b"", step.mode, step.owner, step.group)
        return
    without_content = replace(before, content=None)
    journal.on_failure(lambda: put_state(path, without_content))
    host.give(path, step.mode, step.owner, step.group)


def _move_aside(path: str, journal: Journal) -> None:
    """Rename anything that is not a plain file with one name: the receiver could not write to it.

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


def check_unchanged(files: Sequence[NewFile]) -> None:
    """Refuse to overwrite a file that changed since the plan was shown.

    Raises:
        HostError: a file has another content.
    """
    for file in files:
        state = read_state(file.path)
        content = state.content if state else None
        seen = hashlib.sha256(base64.b64decode(content)).hexdigest() if content is not None else ""
        if file.seen not in ("any", seen):
            raise HostError(f"{file.path} changed since the plan was made; plan again")


def stage(files: Sequence[NewFile], journal: Journal) -> list[Staged]:
    """Write each file beside its path, unless it is there already."""
    new = [each for each in files if each.path not in journal.staged]
    # Recorded before the first byte, so that the next run finds what a crash leaves staged.
    journal.own_all((ResourceId("file", each.path), read_state(each.path)) for each in new)
    for file in new:
        content = base64.b64decode(file.content)
        path = host.stage(file.path, content, file.mode, file.owner, file.group)
        journal.staged[file.path] = (file, path, content)
        journal.on_failure(functools.partial(host.remove, path))
    return [journal.staged[each.path] for each in files]


def stage_ahead(files: Sequence[NewFile], journal: Journal) -> None:
    """Stage files, and make those checks that need no program."""
    for file, path, content in stage(files, journal):
        if file.check in ALONE:
            CHECK[file.check](file.path, path, content)
            journal.staged[file.path] = (replace(file, check=""), path, content)


def begin_check(step: PutFiles, journal: Journal, installed: Event | None = None) -> None:
    """Let fail2ban check its new configuration beside the steps before :func:`check`.

    ``installed`` is set when apt has come to its end, if it runs.
    """
    gone = [identity.name for identity in step.remove if identity.kind == "file"]
    is_due = any(file.check == "fail2ban" for file in step.files) or step.fail2ban_check
    if not is_due or journal.fail2ban_check is not None:
        return
    overlay = {
        file.path: base64.b64decode(file.content)
        for file in step.files
        if file.path.startswith(_FAIL2BAN)
    }
    left_out = [path for path in gone if path.startswith(_FAIL2BAN)]

    def work(unwanted: Event) -> None:
        if installed is None or not is_accepted_early(overlay, left_out, installed, unwanted):
            verdict = check_fail2ban(overlay, left_out, unwanted)
            if verdict:
                raise HostError("fail2ban does not accept its configuration:\n" + tail(verdict))

    journal.fail2ban_check = Beside(work)


def check(staged: Sequence[Staged], step: PutFiles, journal: Journal) -> None:
    """Check the staged files with the programs that will read them.

    Raises:
        HostError: one of them does not accept its file.
    """
    begin_check(step, journal)
    for file, path, content in staged:
        CHECK.get(file.check, unchecked)(file.path, path, content)
    units = {file.path: path for file, path, _ in staged if file.check == "systemd-unit"}
    if units:
        check_units(units)
    if journal.fail2ban_check is not None:
        journal.fail2ban_check.check()
        journal.fail2ban_check = None


def commit(files: Sequence[NewFile], journal: Journal) -> None:
    """Put staged files in place."""
    for file in files:
        journal.on_failure(functools.partial(put_state, file.path, read_state(file.path)))
    host.commit(*(file.path for file in files))
    journal.staged.clear()


def take_back(entry: Entry, journal: Journal, purge: bool) -> None:
    """Restore the earlier file, or remove ours; remove data only if ``purge``."""
    path = entry.id.name
    if entry.data:
        if purge:
            data.drop(path)
    elif not os.path.isdir(path) or os.path.islink(path):
        now = read_state(path)
        journal.on_failure(lambda: put_state(path, now))
        put_state(path, recall_state(entry.before))
        host.remove(host.staged_path(path))
        bytecode.drop(path)


KIND = Kind(steps={Touch: touch}, objects=("file",), take_back=take_back)
