"""Check whether fail2ban accepts a configuration."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from threading import Event

from provision.linux.agent import fail2ban
from provision.linux.agent.host import STAGED, remove, run

# Seconds between two looks whether dpkg has put the configuration in place.
PAUSE = 0.1


def is_accepted_early(
    overlay: dict[str, bytes], leave_out: Sequence[str], installed: Event, unwanted: Event
) -> bool:
    """Return whether fail2ban accepts the configuration before all packages are ``installed``.

    If it does not, a part of it may have been missing: wait for the packages and return False, so that the
    caller asks again.
    """
    while not installed.is_set():
        if _is_configured():
            with suppress(OSError):  # a package may remove a file while it is copied
                if not check_fail2ban(overlay, leave_out, unwanted):
                    return True
            installed.wait()
        installed.wait(PAUSE)
    return False


def _is_configured() -> bool:
    """Return whether dpkg has put each file of the configuration in place, which it does at the end."""
    names = [name for _, _, files in os.walk(fail2ban.CONFIGURATION) for name in files]
    theirs = [name for name in names if not name.endswith(STAGED)]
    return "jail.conf" in theirs and not any(name.endswith(".dpkg-new") for name in theirs)


def check_fail2ban(
    overlay: dict[str, bytes],
    leave_out: Sequence[str] = (),
    unwanted: Event | None = None,
) -> str:
    """Return fail2ban's own verdict on /etc/fail2ban as it would be; empty when it accepts it.

    ``overlay``: contents by path that would be there, ``leave_out``: paths that would not. The check ends
    at once when ``unwanted`` is set.
    """
    real = fail2ban.CONFIGURATION
    with tempfile.TemporaryDirectory(prefix="banstitch-") as folder:
        shadow = os.path.join(folder, "fail2ban")
        if not os.path.isdir(real):
            return f"{real} is missing; reinstall the package fail2ban, then run again"
        shutil.copytree(real, shadow, symlinks=True)
        for path in leave_out:
            remove(shadow + path[len(real) :])
        for path, content in overlay.items():
            copy = shadow + path[len(real) :]
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            with open(copy, "wb") as file:
                file.write(content)
        verdict = run(["fail2ban-client", "-c", shadow, "-t"], timeout=60, unwanted=unwanted)
    return "" if verdict.status == 0 else verdict.output.replace(shadow, real)
