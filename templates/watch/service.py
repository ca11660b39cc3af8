"""The service banstitch-watch: ``python3 -m watch.service``.

It listens on nothing. systemd starts it, watches it (WatchdogSec=) and stops it by SIGTERM. Each name and
URL has a thread of its own, so one that does not answer delays no other.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time

from banstitch_shared.looked_up import NAME
from banstitch_shared.service import notify

from watch.answers import is_url
from watch.watcher import Watcher

SETTINGS = "/etc/banstitch/watch.json"
MEMORY = "/var/lib/banstitch-watch"
# Seconds between two looks at a name, and at a URL.
NAME_PAUSE, URL_PAUSE = 60.0, 600.0
# Seconds between two attempts to write.
PAUSE = 1.0

log = logging.getLogger("banstitch-watch")


def main() -> None:
    """Look up names and URLs until SIGTERM."""
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    os.umask(0o027)
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with open(SETTINGS, encoding="utf-8") as stream:
        names = json.load(stream)["ignore"]
    watcher = Watcher(os.path.join(MEMORY, NAME), names)
    for name in names:
        threading.Thread(target=follow, args=(watcher, name), daemon=True).start()
    notify("READY=1")
    while signal.sigtimedwait(signals, PAUSE) is None:
        write(watcher)
        notify("WATCHDOG=1")
    write(watcher)


def follow(watcher: Watcher, name: str) -> None:
    """Look up one name or URL again and again."""
    while True:
        watcher.ask(name)
        time.sleep(URL_PAUSE if is_url(name) else NAME_PAUSE)


def write(watcher: Watcher) -> None:
    """Write the answers; if that fails, the next call tries again."""
    try:
        watcher.write()
    except OSError as error:
        log.error("cannot write: %s", error)


if __name__ == "__main__":
    main()
