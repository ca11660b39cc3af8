"""Check a file, before it is active, with the program that will read it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping

from provision.linux.agent import STATE
from provision.linux.agent.host import HostError, run, tail


def unchecked(path: str, staged: str, content: bytes) -> None:
    """Accept a file that no program can check by itself."""


def _check_python(path: str, staged: str, content: bytes) -> None:
    try:
        compile(content, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise HostError(f"{path} must be valid Python: {error}") from error


def check_units(staged: Mapping[str, str]) -> None:
    """Check units of systemd, each under its final path with the path of its content.

    They are copied under their final names, from which systemd reads their kind, and checked together: it
    accepts a socket only beside its service, and one check takes as long as ten.

    Raises:
        HostError: systemd does not accept one of them.
    """
    folder = os.path.join(STATE, "check")
    os.makedirs(folder, exist_ok=True)
    try:
        for path, content in staged.items():
            shutil.copyfile(content, os.path.join(folder, os.path.basename(path)))
        copies = [os.path.join(folder, os.path.basename(path)) for path in staged]
        verdict = run(["systemd-analyze", "verify", "--man=no", *copies])
    finally:
        shutil.rmtree(folder)
    wrong = [path for path in staged if os.path.basename(path) in verdict.output]
    if verdict.status or wrong:
        paths = ", ".join(wrong or staged)
        raise HostError(f"systemd does not accept {paths}:\n{tail(verdict.output)}")


def _check_logrotate(path: str, staged: str, content: bytes) -> None:
    # the logrotate of Debian 11 wants a state to read even for a check; /dev/null is an empty one
    verdict = run(["logrotate", "--debug", "--state", "/dev/null", staged])
    if verdict.status or "error:" in verdict.output:
        raise HostError(f"logrotate does not accept {path}:\n{tail(verdict.output)}")


def _check_json(path: str, staged: str, content: bytes) -> None:
    try:
        json.loads(content)
    except ValueError as error:
        raise HostError(f"{path} is not valid JSON: {error}") from error


CHECK: dict[str, Callable[[str, str, bytes], None]] = {
    "json": _check_json,
    "python": _check_python,
    "logrotate": _check_logrotate,
}
# The checks that start no program.
ALONE = ("json", "python")
