"""Carry out a plan as one transaction: everything, or what was there before, with the reason.

A plan is a list of steps, each ``{"do": WORD, ...}``, in the order in which they are made. A failure of an
``apply`` undoes the run. A ``teardown`` is not undone: it forgets each object as it goes, so that the next
one carries on where it stopped.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import os
from contextlib import suppress
from typing import Any

from provision.linux.agent import STATE, data, host, packages, services
from provision.linux.agent import manifest as memory
from provision.linux.agent.host import HostError, run
from provision.linux.agent.objects import Journal
from provision.linux.agent.observe import SEALED, observe, path_state, service_state
from provision.linux.agent.steps import DO, Step


def apply(request: dict[str, Any]) -> dict[str, Any]:
    """Do ``request["steps"]`` and answer with the state afterwards, unless the host is not as it was.

    Request: ``verb`` (apply or teardown), ``steps``, ``observe`` (a request of observe.py), ``seen``
    (the digest of the observation that the steps were planned from).
    Answer: ``observed``; ``moved``, whether it differed beforehand, so that nothing was changed;
    ``notes`` for the operator.

    Raises:
        HostError: with the reason and the state in which the host is now.
    """
    with memory.Lock(exclusive=True):
        before = memory.load()
        now = observe(request["observe"])
        if now["digest"] != request["seen"]:
            with suppress(OSError):  # taking the lock may have made it
                os.rmdir(STATE)
            return {"moved": True, "notes": [], "observed": now}
        journal = Journal(copy.deepcopy(before) if before else memory.new())
        units = _units(request["steps"])
        try:
            _sweep(journal)
            _expect_unchanged(request["steps"])
            _remember_services(journal, units)
            for step in request["steps"]:
                DO[step["do"]](step, journal)
            _finish(journal)
        except Exception as error:  # whatever it was, nothing may stay half done
            reason = _in_words(error)
            if request["verb"] == "teardown":
                raise HostError(
                    reason + "\nwhat was removed so far stays removed; run teardown again"
                ) from error
            raise HostError(reason + "\n" + _roll_back(journal, before, units)) from error
        after = observe(request["observe"])
        return {"moved": False, "notes": journal.notes, "observed": after}


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError):
        return host.explain(error)
    return str(error) if isinstance(error, HostError) else f"{type(error).__name__}: {error}"


def _units(steps: list[Step]) -> list[tuple[Step, dict[str, Any]]]:
    """The service steps of a run, each with the state of its unit before it."""
    return [(s, service_state(s["name"], "")) for s in steps if s["do"] == "service"]


def _sweep(journal: Journal) -> None:
    """Remove what an interrupted run had staged and not put in place."""
    for entry in journal.manifest["objects"]:
        kind, _, name = entry["id"].partition(":")
        if kind in ("file", "tokens", "digests", *SEALED):
            host.remove(host.staged_path(name))


def _expect_unchanged(steps: list[Step]) -> None:
    """Refuse to overwrite what changed since the plan was shown."""
    for step in steps:
        for file in step.get("files", ()):
            state = path_state(file["path"])
            content = state["content"] if state else None
            seen = (
                hashlib.sha256(base64.b64decode(content)).hexdigest() if content is not None else ""
            )
            if file["seen"] not in ("any", seen):
                raise HostError(
                    "{} changed since the plan was made; plan again".format(file["path"])
                )


def _remember_services(journal: Journal, units: list[tuple[Step, dict[str, Any]]]) -> None:
    for step, state in units:
        journal.manifest["services"].setdefault(
            step["name"], {"before": state, "reload_command": step["reload_command"]}
        )


def _finish(journal: Journal) -> None:
    """The run is complete: nothing is owed any more."""
    if os.path.lexists(memory.path()):  # not after a teardown, which has removed it
        journal.manifest["owed"] = {}
        memory.save(journal.manifest)


def _roll_back(
    journal: Journal, before: memory.Manifest | None, units: list[tuple[Step, dict[str, Any]]]
) -> str:
    """Everything as it was before the run; says so, or says what is not."""
    left = []
    for step, state in units:
        if not state["active"]:
            run(
                [
                    "systemctl",
                    *(["stop"] if state["enabled"] else ["disable", "--now"]),
                    step["name"],
                ]
            )
    left += journal.undo()
    run(["systemctl", "daemon-reload"])
    for step, state in units:
        if state["active"] and not journal.activated:
            continue  # a reload of what an operator has broken would stop what still runs
        try:
            services.put_back(step["name"], state, step["reload_command"])
        except HostError as error:
            left.append(str(error))
    try:
        if before is None:
            packages.purge(packages.removable(packages.known(memory.bootstrapped())))
        _remember_less(journal, before, bool(left))
    except (HostError, OSError) as error:
        left.append(_in_words(error))
    if left:
        return "restoring what was there did not fully succeed:\n" + "\n".join(left)
    return "everything is as it was before the run"


def _remember_less(journal: Journal, before: memory.Manifest | None, all_of_it: bool) -> None:
    """The manifest as it was before the run; what is still there of the run stays remembered."""
    if all_of_it:
        entries = {e["id"]: e for e in (before or {"objects": []})["objects"]}
        entries.update((e["id"], e) for e in journal.manifest["objects"])
        memory.save(dict(journal.manifest, objects=list(entries.values())))
    elif before is not None:
        memory.save(before)
    else:
        data.forget()
