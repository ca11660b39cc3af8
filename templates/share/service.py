"""The service banstitch-share: ``python3 -m share.service``.

systemd opens its socket, and stops it by SIGTERM.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import logging
import socket
import sys

from banstitch_shared.service import notify

from share.offers import Offers
from share.server import Server

SETTINGS = "/etc/banstitch/share.json"
# The first socket that systemd passes: sd_listen_fds(3).
_LISTENER = 3


def main() -> None:
    """Serve peers until SIGTERM."""
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    with open(SETTINGS, encoding="utf-8") as stream:
        settings = json.load(stream)
    offers = Offers(settings["spool"], settings["jails"])
    server = Server(socket.socket(fileno=_LISTENER), settings["groups"], offers, settings["known"])
    notify("READY=1")
    server.serve_forever()


if __name__ == "__main__":
    main()
