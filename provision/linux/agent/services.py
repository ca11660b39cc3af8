"""Bringing units where they should be, and believing it only when they answer."""

from __future__ import annotations

import time
from typing import Any

from provision.linux.agent.fail2ban import client, is_up, jail_state
from provision.linux.agent.host import HostError, must, run, tail
from provision.linux.agent.observe import service_state, wait_for_answer

FAIL2BAN = "fail2ban.service"
# Seconds until a unit that was started must answer.
PATIENCE = 30

Step = dict[str, Any]


def bring_up(step: Step) -> None:
    """Enable the unit and do the ``verb`` it is owed: restart, reload, start or none.

    Step: ``name``, ``verb``, ``reload_command`` (argv, empty for `systemctl reload`), ``answers`` (URL),
    ``certificate`` (the file of the one with which it must answer, or "").
    """
    name = step["name"]
    must(["systemctl", "enable", "--quiet", name])
    before = service_state(name, "")
    run(["systemctl", "reset-failed", name])
    try:
        if not before["active"]:
            _start(name)
        elif step["verb"] == "restart" or _started_meanwhile(step):
            must(["systemctl", "restart", name])
        elif step["verb"] == "reload":
            _load_anew(name, step["reload_command"])
    except HostError as error:
        raise HostError(f"{error}\n{journal(name)}") from error
    _answers(step)


def _started_meanwhile(step: Step) -> bool:
    """Return whether a service that the plan saw stopped runs: its package has started it.

    It has read what was there then, and not the files that this run has put in place.
    """
    return bool(step["verb"] == "start" and step["name"].endswith(".service"))


def _load_anew(name: str, command: list[str]) -> None:
    """A fail2ban that hangs, or whose socket is gone, cannot be told to and starts anew instead."""
    if name == FAIL2BAN and not is_up():
        command = ["systemctl", "restart", name]
    if command[:1] != ["fail2ban-client"]:
        must(command or ["systemctl", "reload", name])
        return
    done = client(command[1:])
    if done.status:
        raise HostError(f"`{' '.join(command)}` failed ({done.status}):\n{tail(done.output)}")


def _start(name: str) -> None:
    """Start a unit; systemd refuses a socket while its service runs without it, so that one goes first."""
    if name.endswith(".socket"):
        run(["systemctl", "stop", name[: -len("socket")] + "service"])
    must(["systemctl", "start", name])


def _answers(step: Step) -> None:
    name = step["name"]
    if step["answers"]:
        said = wait_for_answer(step["answers"], PATIENCE, step["certificate"])
        if said:
            raise HostError(
                f"{name} does not answer at {step['answers']} within {PATIENCE} s ({said})\n"
                + journal(name)
            )
    elif not service_state(name, "")["active"]:
        raise HostError(f"{name} does not stay up\n{journal(name)}")


def jail_runs(step: Step) -> None:
    """Wait until the running fail2ban holds the jail with the thresholds of ``step``."""
    wanted = {key: step[key] for key in ("max_retry", "find_time", "ban_time")}
    deadline = time.monotonic() + PATIENCE
    while True:
        found = jail_state(step["name"])
        if found == wanted:
            return
        if time.monotonic() > deadline or (found is None and _dead()):
            raise HostError(
                "jail {} runs with {} instead of {}\n{}".format(
                    step["name"], found, wanted, journal("fail2ban")
                )
            )
        time.sleep(0.05)


def _dead() -> bool:
    return not is_up() and not service_state("fail2ban", "")["active"]


def journal(name: str) -> str:
    """The last lines that a unit wrote: where the reason stands."""
    return tail(run(["journalctl", "-u", name, "-n", "15", "--no-pager", "-o", "cat"]).output)


def put_back(name: str, before: dict[str, Any], reload_command: list[str]) -> None:
    """A unit as it was before: running with what is on disk now, or stopped; enabled or not."""
    now = service_state(name, "")
    if not now["exists"]:
        return
    if now["enabled"] and not before["enabled"]:
        run(["systemctl", "disable", "--quiet", name])
    if before["enabled"] and not now["enabled"]:
        must(["systemctl", "enable", "--quiet", name])
    if not before["active"]:
        run(["systemctl", "stop", name])
        run(["systemctl", "reset-failed", name])
    elif now["active"]:
        _load_anew(name, reload_command or ["systemctl", "restart", name])
    else:
        _start(name)
