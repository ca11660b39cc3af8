"""Report to systemd, replace files as a whole, measure time: functions that our services share.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable


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
    replace_lines(path, [text], mode)


def replace_lines(path: str, lines: Iterable[str], mode: int) -> None:
    """Replace a file by these lines as a whole. If they raise an error, it stays as it is. Raises OSError."""
    new = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with open(new, "w", encoding="ascii") as stream:
            stream.writelines(lines)
            stream.flush()
            os.fsync(new)
        os.rename(path + ".new", path)
    except BaseException:
        os.unlink(path + ".new")
        raise
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_uptime() -> float:
    """Return the seconds since this host booted. No step of its clock changes them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def read_boot() -> str:
    """Return the id of this boot: read_uptime() begins anew with it. Raises OSError."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        return stream.read().strip()
