"""Directories."""

from __future__ import annotations

import os

from provision.linux.agent import bytecode, data, host
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds.kind import Kind
from provision.linux.agent.memory import Entry
from provision.linux.agent.paths import put_state, read_state, recall_state
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.steps import MakeDirectory


def make(step: MakeDirectory, journal: Journal) -> None:
    """Make a directory with its mode and owner; in a data directory, give earlier files to the owner."""
    path = step.path
    before = read_state(path)
    journal.own(ResourceId("directory", path), None if step.data else before, step.data)
    if before is None:
        journal.on_failure(lambda: host.remove(path))
        os.mkdir(path)
    else:
        journal.on_failure(lambda: put_state(path, before))
    # the folder first: after that nobody else can change a name in it
    host.give(path, step.mode, step.owner, step.group)
    if step.data and before is not None:
        data.hand_over(path, step.owner, step.group)


def take_back(entry: Entry, journal: Journal, purge: bool) -> None:
    """Restore its earlier mode, or remove it; a directory with other content always stays."""
    path = entry.id.name
    if not os.path.isdir(path) or os.path.islink(path):
        return
    if entry.before is not None:
        put_state(path, recall_state(entry.before))
        return
    if entry.data and purge:
        data.purge(path)
    else:
        bytecode.drop(os.path.join(path, "*.py"))
        if not os.listdir(path):
            os.rmdir(path)
    if os.path.isdir(path):
        data.keep(path, journal.manifest)


KIND = Kind(steps={MakeDirectory: make}, objects=("directory",), take_back=take_back)
