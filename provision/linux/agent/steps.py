"""Carry out the steps of a plan. Each step records how to undo it before it changes anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from provision.linux.agent import data, database, memory
from provision.linux.agent.host import must
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import KINDS, file
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.steps import Forget, Owe, PurgeBans, PutFiles, Step, TakeBack

_BY_OBJECT = {name: kind for kind in KINDS for name in kind.objects}


def take(step: Step, journal: Journal) -> None:
    """Carry out a step."""
    TAKERS[type(step)](step, journal)


def take_back(ids: Sequence[ResourceId], journal: Journal, purge: bool) -> None:
    """Restore what was there before each object, or remove it, and drop it from the manifest.

    Data stay, as root's, unless ``purge``. A directory that holds something else stays in any case.
    """
    for identity in ids:
        entry = memory.find(journal.manifest, identity)
        if entry is not None:
            _BY_OBJECT[identity.kind].take_back(entry, journal, purge)
            journal.disown(identity)


def _put_files(step: PutFiles, journal: Journal) -> None:
    """Stage all files, check them with the programs that will read them, then put all in place."""
    file.check(file.stage(step.files, journal), step, journal)
    journal.activated = True
    file.commit(step.files, journal)
    take_back(step.remove, journal, purge=False)
    if not journal.bring_ups:  # the first of them reloads, once for all
        must(["systemctl", "daemon-reload"])


def _owe(step: Owe, journal: Journal) -> None:
    """Record pending restarts on disk before the first file changes, so that they survive a crash."""
    journal.manifest.owed.update(step.services)
    memory.save(journal.manifest)


def _take_back(step: TakeBack, journal: Journal) -> None:
    take_back(step.ids, journal, step.purge)
    must(["systemctl", "daemon-reload"])


def _purge_bans(step: PurgeBans, journal: Journal) -> None:
    database.forget_jails(step.prefix)


def _forget(step: Forget, journal: Journal) -> None:
    data.forget()


TAKERS: dict[type, Callable[[Any, Journal], None]] = {
    PutFiles: _put_files,
    Owe: _owe,
    TakeBack: _take_back,
    PurgeBans: _purge_bans,
    Forget: _forget,
}
for _kind in KINDS:
    TAKERS.update(_kind.steps)
