"""Carry out a plan as one transaction: everything, or what was there before, with the reason.

A plan is a list of steps, each ``{"do": WORD, ...}``, in the order in which they are made. A failure of an
``apply`` undoes the run. A ``teardown`` is not undone: it forgets each object as it goes, so that the next
one carries on where it stopped.
"""

from __future__ import annotations

import base64
import copy
import functools
import hashlib
import os
import shutil
from collections.abc import Callable
from typing import Any

from provision.linux.agent import (
    STATE,
    certificates,
    database,
    host,
    objects,
    packages,
    services,
)
from provision.linux.agent import manifest as memory
from provision.linux.agent.host import HostError, must, run, tail
from provision.linux.agent.objects import Journal
from provision.linux.agent.observe import (
    SEALED,
    check_fail2ban,
    observe,
    path_state,
    service_state,
)

Step = dict[str, Any]


def apply(request: dict[str, Any]) -> dict[str, Any]:
    """Do ``request["steps"]`` and answer with the state afterwards.

    Request: ``verb`` (apply or teardown), ``steps``, ``observe`` (a request of observe.py).

    Raises:
        HostError: with the reason and the state in which the host is now.
    """
    with memory.Lock(exclusive=True):
        before = memory.load()
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
            reason = (
                str(error) if isinstance(error, HostError) else f"{type(error).__name__}: {error}"
            )
            if request["verb"] == "teardown":
                raise HostError(
                    reason + "\nwhat was removed so far stays removed; run teardown again"
                ) from error
            raise HostError(reason + "\n" + _roll_back(journal, before, units)) from error
        return {"observed": observe(request["observe"])}


def _units(steps: list[Step]) -> list[tuple[Step, dict[str, Any]]]:
    """The service steps of a run, each with the state of its unit before it."""
    return [(s, service_state(s["name"], "")) for s in steps if s["do"] == "service"]


def _sweep(journal: Journal) -> None:
    """Remove what an interrupted run had staged and not put in place."""
    for entry in journal.manifest["objects"]:
        kind, _, name = entry["id"].partition(":")
        if kind in ("file", "tokens", *SEALED):
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


def _install(step: Step, journal: Journal) -> None:
    coming = packages.would_install(step["packages"])
    journal.manifest["packages"] = sorted({*journal.manifest["packages"], *coming})
    memory.save(journal.manifest)
    journal.on_failure(lambda: packages.purge(packages.removable(coming)))
    packages.install(step["packages"])


def _files(step: Step, journal: Journal) -> None:
    """Stage all, have them checked by the programs that will read them, then put all in place."""
    staged = []
    for file in step["files"]:
        # Ours before the first byte: what a crash leaves staged is then known to the next run.
        journal.own("file:" + file["path"], path_state(file["path"]))
        content = base64.b64decode(file["content"])
        path = host.stage(file["path"], content, file["mode"], file["owner"], file["group"])
        staged.append((file, path, content))
        journal.on_failure(functools.partial(host.remove, path))
    for file, path, content in staged:
        CHECK.get(file["check"], _unchecked)(file["path"], path, content)
    if any(file["check"] == "fail2ban" for file, _, _ in staged) or step["fail2ban_check"]:
        overlay = {f["path"]: c for f, _, c in staged if f["path"].startswith("/etc/fail2ban/")}
        gone = [i.partition(":")[2] for i in step["remove"] if i.startswith("file:/etc/fail2ban/")]
        verdict = check_fail2ban(overlay, gone)
        if verdict:
            raise HostError("fail2ban does not accept its configuration:\n" + tail(verdict))
    journal.activated = True
    for file, _, _ in staged:
        objects.commit_file(file, journal)
    for identity in step["remove"]:
        objects.take_back(identity, journal, purge=False)
    must(["systemctl", "daemon-reload"])


def _unchecked(path: str, staged: str, content: bytes) -> None:
    """A file that no program checks on its own."""


def _check_python(path: str, staged: str, content: bytes) -> None:
    try:
        compile(content, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise HostError(f"{path} is no valid Python: {error}") from error


def _check_unit(path: str, staged: str, content: bytes) -> None:
    """systemd reads a unit's kind from its name, so the check needs a copy under the final name.

    A socket and its service are accepted only beside each other: both are staged if they come together.
    """
    folder = os.path.join(STATE, "check")
    copied = os.path.join(folder, os.path.basename(path))
    name = os.path.splitext(path)[0]
    os.makedirs(folder, exist_ok=True)
    try:
        for beside in (name + ".service", name + ".socket"):
            if os.path.exists(host.staged_path(beside)):
                target = os.path.join(folder, os.path.basename(beside))
                shutil.copyfile(host.staged_path(beside), target)
        shutil.copyfile(staged, copied)
        verdict = run(["systemd-analyze", "verify", "--man=no", copied])
    finally:
        shutil.rmtree(folder)
    if verdict.status or os.path.basename(path) in verdict.output:
        raise HostError(f"systemd does not accept {path}:\n{tail(verdict.output)}")


def _check_logrotate(path: str, staged: str, content: bytes) -> None:
    # the logrotate of Debian 11 wants a state to read even for a check; /dev/null is an empty one
    verdict = run(["logrotate", "--debug", "--state", "/dev/null", staged])
    if verdict.status or "error:" in verdict.output:
        raise HostError(f"logrotate does not accept {path}:\n{tail(verdict.output)}")


def _owe(step: Step, journal: Journal) -> None:
    """Written down before the first file changes: a restart that is owed outlives a crash."""
    journal.manifest["owed"].update(step["services"])
    memory.save(journal.manifest)


def _service(step: Step, journal: Journal) -> None:
    journal.activated = True
    services.bring_up(step)


def _jail(step: Step, journal: Journal) -> None:
    services.jail_runs(step)


def _finish(journal: Journal) -> None:
    """The run is complete: nothing is owed any more."""
    if os.path.isdir(STATE):
        journal.manifest["owed"] = {}
        memory.save(journal.manifest)


def _put_back_service(step: Step, journal: Journal) -> None:
    remembered = journal.manifest["services"].pop(step["name"], None)
    if remembered is not None:
        services.put_back(step["name"], remembered["before"], remembered["reload_command"])
        memory.save(journal.manifest)


def _stop_service(step: Step, journal: Journal) -> None:
    """Stop and disable a unit whose file is about to go."""
    before = service_state(step["name"], "")
    journal.on_failure(lambda: services.put_back(step["name"], before, []))
    run(["systemctl", "disable", "--now", "--quiet", step["name"]])
    run(["systemctl", "reset-failed", step["name"]])


def _take_back(step: Step, journal: Journal) -> None:
    for identity in step["ids"]:
        objects.take_back(identity, journal, step["purge"])
    must(["systemctl", "daemon-reload"])


def _purge_packages(step: Step, journal: Journal) -> None:
    packages.purge(packages.removable(packages.known(journal.manifest["packages"])))
    journal.manifest["packages"] = []
    memory.save(journal.manifest)


def _purge_bans(step: Step, journal: Journal) -> None:
    database.forget_jails(step["prefix"])


def _forget(step: Step, journal: Journal) -> None:
    host.remove(STATE)


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
            packages.purge(packages.removable(memory.bootstrapped()))
        _remember_less(journal, before, bool(left))
    except (HostError, OSError) as error:
        left.append(str(error))
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
        host.remove(STATE)


DO: dict[str, Callable[[Step, Journal], None]] = {
    "install": _install,
    "user": objects.make_user,
    "directory": objects.make_directory,
    "touch": objects.touch,
    "tokens": objects.make_tokens,
    "authority": certificates.make_authority,
    "certificate": certificates.make_certificate,
    "owe": _owe,
    "files": _files,
    "service": _service,
    "jail": _jail,
    "stop-service": _stop_service,
    "put-back-service": _put_back_service,
    "take-back": _take_back,
    "purge-packages": _purge_packages,
    "purge-bans": _purge_bans,
    "forget": _forget,
}

CHECK: dict[str, Callable[[str, str, bytes], None]] = {
    "python": _check_python,
    "systemd-unit": _check_unit,
    "logrotate": _check_logrotate,
}
