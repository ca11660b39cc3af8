"""Name the jail of a detection, and the detection of a jail.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

# No other jail of fail2ban has a name that begins so.
PREFIX = "banstitch-"
# The form of these names.
JAIL_NAME = PREFIX + "[A-Za-z0-9_-]{1,99}"


def name_jail(detection: str) -> str:
    """Return the name of the jail of a detection."""
    return PREFIX + detection


def name_detection(jail: str) -> str:
    """Return the name of the detection of a jail; that of a foreign jail as it is."""
    return jail[len(PREFIX) :] if jail.startswith(PREFIX) else jail
