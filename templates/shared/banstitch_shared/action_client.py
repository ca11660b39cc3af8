"""Call the methods of our action in the running fail2ban: see banstitch_by_hand.py.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping

# Seconds that fail2ban-client has.
PATIENCE = 15


def call_action(jail: str, method: str, details: Mapping[str, str]) -> None:
    """Call a method of the action of a jail; ``details``: its arguments by name.

    Raises:
        OSError: fail2ban does not answer or refuses; the error is a sentence for the journal.
    """
    words = ("set", jail, "action", "banstitch", method, json.dumps(details))
    try:
        done = subprocess.run(
            ["/usr/bin/fail2ban-client", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OSError("fail2ban does not answer: %s" % error) from error
    if done.returncode:
        text = done.stdout.decode("utf-8", "replace").strip()[-300:]
        raise OSError("fail2ban refuses: %s" % text)
