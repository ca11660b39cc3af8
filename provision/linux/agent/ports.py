"""Find the program that uses the port of a socket of ours."""

from __future__ import annotations

import errno
import glob
import ipaddress
import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Union

from provision.linux.agent.host import read, run
from provision.linux.agent.processes import describe, find_unit

# Linux constants; Python 3.9 and later have the first, no version has the second.
IP_FREEBIND = 15
IPV6_FREEBIND = 78


def find_program(wanted: str, name: str, own: Sequence[str]) -> str:
    """Return the program at the address and port ``wanted``, such as "[::]:5000"; empty if free.

    ``name``: the socket unit that will listen there. ``own``: where it listens just now; that, and what is
    left of its service, is no obstacle, since both go before it starts anew.
    """
    if wanted in own or _is_free(wanted):
        return ""
    rows = [row for row in _list_sockets(wanted) if row[0] not in own]
    inodes = {inode for _, inode in rows}
    service = name.rpartition(".")[0] + ".service"
    pids = sorted(_find_holders(inodes))
    if pids and all(find_unit(pid) == service for pid in pids):
        return ""
    if not rows and own:  # only its own listener is in the way
        return ""
    others = [pid for pid in pids if pid != 1 and find_unit(pid) != service]
    if others:
        return describe(others[0], age=False)
    units = _find_socket_units(address for address, _ in rows)
    return f"systemd for {units[0]}" if units else "another program"


def _split(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.rpartition(":")
    return host.strip("[]"), int(port)


def _is_free(wanted: str) -> bool:
    """Return whether the address is free: bind it, as systemd does; any other error counts as free."""
    host, port = _split(wanted)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                probe.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
            else:
                probe.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    return True


def _list_sockets(wanted: str) -> Iterator[tuple[str, str]]:
    """Yield endpoint and inode of each TCP socket that overlaps with ``wanted``, also of clients."""
    host, port = _split(wanted)
    for table in ("tcp", "tcp6"):
        for line in (read(f"/proc/net/{table}") or b"").decode().splitlines()[1:]:
            fields = line.split()
            address, _, number = fields[1].partition(":")
            # a closed connection that still waits belongs to no process any more
            if int(number, 16) != port or fields[9] == "0":
                continue
            found = _parse_address(address)
            if _overlaps(found, ipaddress.ip_address(host)):
                shown = f"[{found}]" if found.version == 6 else str(found)
                yield f"{shown}:{port}", fields[9]


Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


def _parse_address(text: str) -> Address:
    """Read an address of /proc/net/tcp: words of 32 bits in the byte order of the machine."""
    words = [int(text[i : i + 8], 16).to_bytes(4, sys.byteorder) for i in range(0, len(text), 8)]
    return ipaddress.ip_address(b"".join(words))


def _overlaps(one: Address, other: Address) -> bool:
    if one == other or (one.is_unspecified and one.version >= other.version):
        return True
    return other.is_unspecified and other.version >= one.version


def _find_holders(inodes: set[str]) -> Iterator[int]:
    """Yield each process that has one of these sockets open."""
    links = {f"socket:[{inode}]" for inode in inodes}
    for folder in glob.glob("/proc/[0-9]*/fd") if links else ():
        try:
            names = os.listdir(folder)
        except OSError:  # it has ended
            continue
        if any(_read_link(os.path.join(folder, name)) in links for name in names):
            yield int(folder.split("/")[2])


def _read_link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _find_socket_units(endpoints: Iterable[str]) -> list[str]:
    """Return the socket units by which systemd itself listens at ``endpoints``."""
    wanted = set(endpoints)
    rows = run(["systemctl", "list-sockets", "--no-legend", "--no-pager", "--plain"]).output
    found = [line.split() for line in rows.splitlines()]
    return [
        row[1]
        for row in found
        if len(row) > 1 and row[0] in wanted and re.match(r"\S+\.socket$", row[1])
    ]
