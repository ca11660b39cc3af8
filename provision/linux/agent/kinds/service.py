"""Units of systemd, which count as up only when they answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from provision.linux.agent import memory
from provision.linux.agent.fail2ban import client, is_up
from provision.linux.agent.host import HostError, must, run, tail
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds.kind import Kind
from provision.linux.agent.protocol.state import ServiceState
from provision.linux.agent.protocol.steps import BringUp, PutBackService, StopService
from provision.linux.agent.protocol.wire import from_json
from provision.linux.agent.units import ask, read_running, read_state

FAIL2BAN = "fail2ban.service"
# Seconds until a unit that was started must answer.
PATIENCE = 30


def recall_state(before: Any) -> ServiceState:
    """Return the state that the manifest remembers as JSON; release 0.1 had no ``taken_by``."""
    return from_json(ServiceState, {"taken_by": "", **before})


def _wait_for_answer(url: str, seconds: float, certificate: str = "") -> str:
    """Wait up to ``seconds`` until ``url`` answers 200; return an empty text, or the last answer."""
    deadline = time.monotonic() + seconds
    while True:
        status, body = ask(url, certificate)
        if status == 200:
            return ""
        if time.monotonic() > deadline:
            return f"{status or 'no answer'}: {body.strip()[:500]}"
        time.sleep(0.1)


def make(step: BringUp, journal: Journal) -> None:
    """Bring the unit up. Units that were off start side by side, as the first of them is brought up."""
    journal.activated = True
    if step.name not in journal.units:
        journal.units = _begin(journal.bring_ups or (step,))
    bring_up(step, journal.units[step.name])


def _begin(steps: Sequence[BringUp]) -> dict[str, ServiceState]:
    """Enable all units, begin to start those that are off, and return the state of each before that."""
    names = [step.name for step in steps]
    before = read_running(names)
    disabled = [name for name in names if not before[name].enabled]
    if disabled:
        must(["systemctl", "enable", "--quiet", "--no-reload", *disabled])
    must(["systemctl", "daemon-reload"])
    run(["systemctl", "reset-failed", *names])
    off = [name for name in names if not before[name].active]
    for name in off:
        _stop_service_of(name)
    if off:
        # an error shows when the unit is waited for
        run(["systemctl", "start", "--no-block", *off])
    return before


def bring_up(step: BringUp, before: ServiceState) -> None:
    """Carry out the ``verb`` of an enabled unit, and wait until it answers.

    ``before``: its state before units that were off began to start.
    """
    name = step.name
    if not (before.active or step.answers) and read_state(name).active:
        return  # as it has come up beside the others
    try:
        if not before.active:
            must(["systemctl", "start", name])
        elif step.verb == "restart" or _started_meanwhile(step):
            must(["systemctl", "restart", name])
        elif step.verb == "reload":
            _load_anew(name, step.reload_command)
    except HostError as error:
        raise HostError(f"{error}\n{read_journal(name)}") from error
    _check_answer(step)


def _started_meanwhile(step: BringUp) -> bool:
    """Return whether a service that the plan found stopped runs now, because its package started it.

    It has read the files of that moment, and not those that this run has put in place.
    """
    return step.verb == "start" and step.name.endswith(".service")


def _load_anew(name: str, command: Sequence[str]) -> None:
    """Reload a unit; restart a fail2ban that hangs or whose socket is gone."""
    if name == FAIL2BAN and not is_up():
        command = ["systemctl", "restart", name]
    if list(command[:1]) != ["fail2ban-client"]:
        must(command or ["systemctl", "reload", name])
        return
    done = client(command[1:])
    if done.status:
        raise HostError(f"`{' '.join(command)}` failed ({done.status}):\n{tail(done.output)}")


def _stop_service_of(name: str) -> None:
    """Stop the service of a socket that is about to start; systemd requires that."""
    if name.endswith(".socket"):
        run(["systemctl", "stop", name[: -len("socket")] + "service"])


def _check_answer(step: BringUp) -> None:
    name = step.name
    if step.answers:
        said = _wait_for_answer(step.answers, PATIENCE, step.certificate)
        if said:
            raise HostError(
                f"{name} does not answer at {step.answers} within {PATIENCE} s ({said})\n"
                + read_journal(name)
            )
    elif not read_state(name).active:
        raise HostError(f"{name} does not stay up\n{read_journal(name)}")


def read_journal(name: str) -> str:
    """Return the last lines that a unit logged, which have the reason."""
    return tail(run(["journalctl", "-u", name, "-n", "15", "--no-pager", "-o", "cat"]).output)


def put_back(name: str, before: ServiceState, reload_command: Sequence[str]) -> None:
    """Restore a unit's earlier state: running with the files on disk now, or stopped; enabled or not."""
    now = read_state(name)
    if not now.exists:
        return
    if now.enabled and not before.enabled:
        run(["systemctl", "disable", "--quiet", name])
    if before.enabled and not now.enabled:
        must(["systemctl", "enable", "--quiet", name])
    if not before.active:
        run(["systemctl", "stop", name])
        run(["systemctl", "reset-failed", name])
    elif now.active:
        _load_anew(name, reload_command or ["systemctl", "restart", name])
    else:
        _stop_service_of(name)
        must(["systemctl", "start", name])


def restore(step: PutBackService, journal: Journal) -> None:
    """Restore a foreign unit's state from before our first run."""
    remembered = journal.manifest.services.pop(step.name, None)
    if remembered is not None:
        put_back(step.name, recall_state(remembered.before), remembered.reload_command)
        memory.save(journal.manifest)


def stop(step: StopService, journal: Journal) -> None:
    """Stop and disable a unit whose file is about to be removed."""
    before = read_state(step.name)
    journal.on_failure(lambda: put_back(step.name, before, []))
    # systemd reads its units again once, when their files are gone
    run(["systemctl", "disable", "--now", "--no-reload", "--quiet", step.name])
    run(["systemctl", "reset-failed", step.name])


KIND = Kind(steps={BringUp: make, PutBackService: restore, StopService: stop})
