"""The service banstitch-watch: ``python3 -m watch.service``.

It does the work of a ban host that goes out to the network, and listens on nothing. systemd starts it,
watches it (WatchdogSec=) and stops it by SIGTERM. SIGUSR1 from root asks for a test.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from banstitch_shared.service import notify

from watch import ignored, jobs, peers
from watch.abuseipdb import part as abuseipdb
from watch.alarms import part as alarms
from watch.jobs import Part

SETTINGS = "/etc/banstitch/watch.json"
MEMORY = "/var/lib/banstitch-watch"
# Seconds between two attempts to write.
PAUSE = 1.0
# What the settings may hold, and what builds the part of the service for it.
BUILDERS: dict[str, Callable[[Any, str], Part]] = {
    "ignore": ignored.build_part,
    "peers": peers.build_part,
    "alarms": alarms.build_part,
    "abuseipdb": abuseipdb.build_part,
}


def main() -> None:
    """Do the jobs of the settings until SIGTERM."""
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    os.umask(0o027)
    signals = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with open(SETTINGS, encoding="utf-8") as stream:
        settings = json.load(stream)
    parts = [BUILDERS[name](found, MEMORY) for name, found in settings.items()]
    jobs.start(parts)
    notify("READY=1")
    while True:
        got = signal.sigtimedwait(signals, PAUSE)
        if got is not None and got.si_signo != signal.SIGUSR1:
            break
        if got is not None:
            jobs.test(parts)
        jobs.write(parts)
        notify("WATCHDOG=1")
    jobs.write(parts)


if __name__ == "__main__":
    main()
