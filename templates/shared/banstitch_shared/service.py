"""Report to systemd, replace files as a whole, measure time: functions that our services share.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import os
import socket
import time


def notify(message: str) -> None:
    """Report the state of the service to systemd: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.connect("\0" + address[1:] if address[0] == "@" else address)
        channel.sendall(message.encode("ascii"))


def replace_file(path: str, text: str, mode: int) -> None:
    """Replace a file as a whole: a reader sees the old one or the new one. Raises OSError."""
    new = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with open(new, "w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(new)
    os.rename(path + ".new", path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_uptime() -> float:
    """Return the seconds since this host booted. No step of its clock changes them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
