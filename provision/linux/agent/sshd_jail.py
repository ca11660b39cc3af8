"""Find out whether the distribution's sshd jail keeps fail2ban from starting.

Debian 12 enables that jail, has no rsyslog, and its fail2ban 1.0.2 then refuses to start at all
(fail2ban issue 3292). We correct that by a file of our own.
"""

from __future__ import annotations

import glob
import os

from provision.linux.agent import fail2ban
from provision.linux.agent.ini import read_options

LOG = "/var/log/auth.log"
CLIENT = "/usr/bin/fail2ban-client"
# Our correction, below fail2ban's configuration.
FIX = "jail.d/banstitch-sshd.conf"
# In the order in which fail2ban reads them.
_JAILS = ("jail.conf", "jail.d/*.conf", "jail.local", "jail.d/*.local")
_OFF = ("", "0", "no", "off", "false")
# What the stock jail.conf includes. It sets no option of a jail, but another file may.
_INCLUDED = "paths-debian.conf"


def lacks_its_log(os_version: str) -> bool:
    """Return whether the jail prevents fail2ban from starting because its log is missing.

    Before fail2ban is installed, the release of Debian tells. A correction that was needed once stays as
    long as the log is missing and no file switches the jail off or to the journal: to ask fail2ban itself
    costs more than all else that is observed.
    """
    if os.path.exists(LOG):
        return False
    # dpkg puts the configuration in place at the end of an installation, which may have been interrupted
    unpacked = os.path.join(fail2ban.CONFIGURATION, "jail.conf.dpkg-new")
    if not os.path.exists(CLIENT) or os.path.exists(unpacked):
        return os_version in ("11", "12")
    if _reads_no_log():
        return False
    fix = os.path.join(fail2ban.CONFIGURATION, FIX)
    return os.path.exists(fix) or _is_refused(fix)


def _reads_no_log() -> bool:
    """Return whether the files say plainly that the jail is off, or that it reads the journal."""
    found = [
        path
        for name in _JAILS
        for path in sorted(glob.glob(os.path.join(fail2ban.CONFIGURATION, name)))
        if not path.endswith(FIX)
    ]
    options = read_options(found)
    if (
        options.get(("INCLUDES", "before"), _INCLUDED) != _INCLUDED
        or ("INCLUDES", "after") in options
    ):
        return False

    def get(name: str) -> str:
        return options.get(("sshd", name), options.get(("DEFAULT", name), "")).lower()

    return get("enabled") in _OFF or get("backend") == "systemd"


def _is_refused(fix: str) -> bool:
    """Ask fail2ban itself, as if our correction were not there."""
    # this takes long to import, and hardly any observation comes here
    from provision.linux.agent.fail2ban_check import check_fail2ban

    return "log file for sshd jail" in check_fail2ban({}, leave_out=[fix])
