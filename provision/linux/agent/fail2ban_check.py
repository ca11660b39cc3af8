"""Check whether fail2ban accepts a configuration."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence

from provision.linux.agent.host import remove, run


def check_fail2ban(overlay: dict[str, bytes], leave_out: Sequence[str] = ()) -> str:
    """Return fail2ban's own verdict on /etc/fail2ban as it would be; empty when it accepts it.

    ``overlay``: contents by path that would be there, ``leave_out``: paths that would not.
    """
    with tempfile.TemporaryDirectory(prefix="banstitch-") as folder:
        shadow = os.path.join(folder, "fail2ban")
        if not os.path.isdir("/etc/fail2ban"):
            return "/etc/fail2ban is not there; is the package fail2ban whole?"
        shutil.copytree("/etc/fail2ban", shadow, symlinks=True)
        for path in leave_out:
            remove(shadow + path[len("/etc/fail2ban") :])
        for path, content in overlay.items():
            copy = shadow + path[len("/etc/fail2ban") :]
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            with open(copy, "wb") as file:
                file.write(content)
        verdict = run(["fail2ban-client", "-c", shadow, "-t"], timeout=60)
    return "" if verdict.status == 0 else verdict.output.replace(shadow, "/etc/fail2ban")
