"""Carry out a plan as one transaction: everything, or what was there before, with the reason.

A failure of an ``apply`` undoes the run. A ``teardown`` is not undone: it forgets each object as it goes, so
that the next one carries on where it stopped.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from provision.linux.agent import STATE, data, host, meanwhile, memory, steps
from provision.linux.agent.digest import compute_bare_digest
from provision.linux.agent.host import HostError, run
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import file, package, service
from provision.linux.agent.memory import Manifest
from provision.linux.agent.observe import observe_host
from provision.linux.agent.protocol.answers import Applied
from provision.linux.agent.protocol.bounds import PATH_KINDS
from provision.linux.agent.protocol.requests import Apply
from provision.linux.agent.protocol.state import ServiceState
from provision.linux.agent.protocol.steps import BringUp, Install, PutFiles, Step
from provision.linux.agent.protocol.wire import to_json
from provision.linux.agent.units import read_running

# The steps for units, each with the state of its unit before the run.
Units = Sequence[tuple[BringUp, ServiceState]]


def apply_steps(request: Apply) -> Applied:
    """Carry out the steps and return the new state, unless the host changed since it was observed.

    Raises:
        HostError: with the reason and the state in which the host is now.
    """
    with memory.Lock(exclusive=True):
        before = memory.load()
        now = observe_host(request.observe)
        taken: Sequence[Step] = request.steps
        if before is None and compute_bare_digest(now) == request.seen:
            taken = _leave_out_packages(taken, now.packages)
        elif now.digest != request.seen:
            with suppress(OSError):  # taking the lock may have made it
                os.rmdir(STATE)
            return Applied(moved=True, notes=[], observed=now)
        journal = Journal(copy.deepcopy(before) if before else memory.new())
        units = _read_units(taken)
        try:
            _take_all(taken, journal, units)
        except Exception as error:  # whatever the error was, nothing may stay half done
            reason = _in_words(error)
            if request.verb == "teardown":
                raise HostError(
                    reason + "\nwhat was removed so far stays removed; run teardown again"
                ) from error
            raise HostError(reason + "\n" + _roll_back(journal, before, units)) from error
        return Applied(False, journal.notes, observe_host(request.observe))


def _leave_out_packages(taken: Sequence[Step], installed: Mapping[str, bool]) -> Sequence[Step]:
    """Return the steps without packages that are installed: apt would note that they were asked for."""
    wanted = [
        replace(step, packages=tuple(name for name in step.packages if not installed.get(name)))
        if isinstance(step, Install)
        else step
        for step in taken
    ]
    return [step for step in wanted if not isinstance(step, Install) or step.packages]


def _take_all(taken: Sequence[Step], journal: Journal, units: Units) -> None:
    _sweep(journal)
    for step in taken:
        if isinstance(step, PutFiles):
            file.check_unchanged(step.files)
    for unit, state in units:
        known = memory.ServiceMemory(to_json(state), list(unit.reload_command))
        journal.manifest.services.setdefault(unit.name, known)
    journal.bring_ups = tuple(unit for unit, _ in units)
    try:
        for step in meanwhile.take_first(taken, journal):
            steps.take(step, journal)
    finally:
        if journal.fail2ban_check is not None:
            journal.fail2ban_check.drop()
    _finish(journal)


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError):
        return host.explain(error)
    return str(error) if isinstance(error, HostError) else f"{type(error).__name__}: {error}"


def _read_units(taken: Sequence[Step]) -> Units:
    """Return the service steps of a run, each with the state of its unit before it."""
    found = [step for step in taken if isinstance(step, BringUp)]
    states = read_running([step.name for step in found])
    return [(step, states[step.name]) for step in found]


def _sweep(journal: Journal) -> None:
    """Remove the files that an interrupted run staged and did not put in place."""
    for entry in journal.manifest.objects:
        if entry.id.kind in PATH_KINDS and entry.id.kind != "directory":
            host.remove(host.staged_path(entry.id.name))


def _finish(journal: Journal) -> None:
    """Complete the run: no restart or reload is pending any more."""
    if os.path.lexists(memory.path()):  # not after a teardown, which has removed it
        journal.manifest.owed = {}
        memory.save(journal.manifest)


def _roll_back(journal: Journal, before: Manifest | None, units: Units) -> str:
    """Restore everything as it was before the run; return that, or what is not, in words."""
    for step, state in units:
        if not state.active:
            verb = ["stop"] if state.enabled else ["disable", "--now"]
            run(["systemctl", *verb, step.name])
    left = journal.undo()
    run(["systemctl", "daemon-reload"])
    left += _put_back_units(journal, units)
    try:
        if before is None:
            package.purge(package.list_removable(package.list_known(journal.manifest.packages)))
        _remember_less(journal, before, bool(left))
    except (HostError, OSError) as error:
        left.append(_in_words(error))
    if left:
        return "restoring what was there did not fully succeed:\n" + "\n".join(left)
    return "everything is as it was before the run"


def _put_back_units(journal: Journal, units: Units) -> list[str]:
    left = []
    for step, state in units:
        if state.active and not journal.activated:
            continue  # a reload of what an operator has broken would stop what still runs
        try:
            service.put_back(step.name, state, step.reload_command)
        except HostError as error:
            left.append(str(error))
    return left


def _remember_less(journal: Journal, before: Manifest | None, all_of_it: bool) -> None:
    """Save the manifest as it was before the run; what is still there of the run stays remembered."""
    if all_of_it:
        entries = {entry.id: entry for entry in (before.objects if before else ())}
        entries.update((entry.id, entry) for entry in journal.manifest.objects)
        memory.save(replace(journal.manifest, objects=list(entries.values())))
    elif before is not None:
        memory.save(before)
    else:
        data.forget()
