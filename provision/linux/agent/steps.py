"""The steps of a plan. Each records how to undo it before it changes anything."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from typing import Any

from provision.linux.agent import certificates, data, database, host, objects, packages, services
from provision.linux.agent import manifest as memory
from provision.linux.agent.apt import Apt
from provision.linux.agent.checkers import CHECK, unchecked
from provision.linux.agent.fail2ban import check_fail2ban
from provision.linux.agent.host import HostError, must, run, tail
from provision.linux.agent.objects import Journal
from provision.linux.agent.observe import path_state, service_state

Step = dict[str, Any]
# A file as the step has it, where it is staged, what is in it.
Staged = tuple[Step, str, bytes]


def _install(step: Step, journal: Journal) -> None:
    apt = Apt()
    try:
        coming = packages.fetch(step["packages"], apt)
        journal.manifest["packages"] = sorted({*journal.manifest["packages"], *coming})
        memory.save(journal.manifest)
        journal.on_failure(lambda: packages.purge(packages.removable(packages.known(coming))))
        packages.install(step["packages"], apt)
    finally:
        journal.notes.extend(apt.notes)


def _files(step: Step, journal: Journal) -> None:
    """Stage all, have them checked by the programs that will read them, then put all in place."""
    staged = _stage(step["files"], journal)
    _check(staged, step)
    journal.activated = True
    for file, _, _ in staged:
        objects.commit_file(file, journal)
    for identity in step["remove"]:
        objects.take_back(identity, journal, purge=False)
    must(["systemctl", "daemon-reload"])


def _stage(files: list[Step], journal: Journal) -> list[Staged]:
    staged = []
    for file in files:
        # Ours before the first byte: what a crash leaves staged is then known to the next run.
        journal.own("file:" + file["path"], path_state(file["path"]))
        content = base64.b64decode(file["content"])
        path = host.stage(file["path"], content, file["mode"], file["owner"], file["group"])
        staged.append((file, path, content))
        journal.on_failure(functools.partial(host.remove, path))
    return staged


def _check(staged: list[Staged], step: Step) -> None:
    for file, path, content in staged:
        CHECK.get(file["check"], unchecked)(file["path"], path, content)
    if any(file["check"] == "fail2ban" for file, _, _ in staged) or step["fail2ban_check"]:
        overlay = {f["path"]: c for f, _, c in staged if f["path"].startswith("/etc/fail2ban/")}
        gone = [i.partition(":")[2] for i in step["remove"] if i.startswith("file:/etc/fail2ban/")]
        verdict = check_fail2ban(overlay, gone)
        if verdict:
            raise HostError("fail2ban does not accept its configuration:\n" + tail(verdict))


def _owe(step: Step, journal: Journal) -> None:
    """Written down before the first file changes: a restart that is owed outlives a crash."""
    journal.manifest["owed"].update(step["services"])
    memory.save(journal.manifest)


def _service(step: Step, journal: Journal) -> None:
    journal.activated = True
    services.bring_up(step)


def _jail(step: Step, journal: Journal) -> None:
    services.jail_runs(step)


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
    data.forget()


DO: dict[str, Callable[[Step, Journal], None]] = {
    "install": _install,
    "user": objects.make_user,
    "directory": objects.make_directory,
    "touch": objects.touch,
    "tokens": objects.make_tokens,
    "digests": objects.make_digests,
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
