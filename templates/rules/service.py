"""The service banstitch-rules: ``python3 -m rules.service``.

It listens on nothing. systemd starts it, watches it (WatchdogSec=) and stops it by SIGTERM.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time

from banstitch_shared.service import notify

from rules.settings import read_settings
from rules.worker import Places, Worker

SETTINGS = "/etc/banstitch/rules.json"
MEMORY = "/var/lib/banstitch-rules"
PLACES = Places(
    events="/var/log/banstitch/events.log",
    rules="/var/log/banstitch/rules.log",
    checkpoint=MEMORY + "/checkpoint.json",
    alarms=MEMORY + "/alarms.json",
    requests="/var/spool/banstitch-requests",
    alive=MEMORY + "/alive",
    current=MEMORY + "/current",
    memory=MEMORY,
    spool="/var/spool/banstitch",
)
# Seconds between two looks at the event log, and before what failed is tried again.
PAUSE, RETRY = 0.2, 1.0
# Seconds between two signs for systemd.
SIGN = 5.0

log = logging.getLogger("banstitch-rules")


def main() -> None:
    """Follow the event log until SIGTERM."""
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    os.umask(0o027)
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with open(SETTINGS, encoding="utf-8") as stream:
        settings = read_settings(json.load(stream))
    worker = Worker(PLACES, settings)
    notify("READY=1")
    signed_at, pause = time.monotonic(), 0.0
    while signal.sigtimedwait(signals, pause) is None:
        pause = work(worker)
        if time.monotonic() - signed_at > SIGN:
            notify("WATCHDOG=1")
            signed_at = time.monotonic()
    worker.save()


def work(worker: Worker) -> float:
    """Let the worker take the next events; return the seconds until it should be asked again."""
    try:
        return 0.0 if worker.work() else PAUSE
    except OSError as error:
        log.error("cannot write: %s", error)
        return RETRY


if __name__ == "__main__":
    main()
