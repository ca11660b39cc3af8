"""Check a file, before it is active, with the program that will read it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable

from provision.linux.agent import STATE, host
from provision.linux.agent.host import HostError, run, tail


def unchecked(path: str, staged: str, content: bytes) -> None:
    """Accept a file that no program can check by itself."""


def _check_python(path: str, staged: str, content: bytes) -> None:
    try:
        compile(content, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise HostError(f"{path} must be valid Python: {error}") from error


def _check_unit(path: str, staged: str, content: bytes) -> None:
    """Check a copy under the final name, from which systemd reads the kind of a unit.

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


def _check_json(path: str, staged: str, content: bytes) -> None:
    try:
        json.loads(content)
    except ValueError as error:
        raise HostError(f"{path} is no valid JSON: {error}") from error


CHECK: dict[str, Callable[[str, str, bytes], None]] = {
    "json": _check_json,
    "python": _check_python,
    "systemd-unit": _check_unit,
    "logrotate": _check_logrotate,
}
