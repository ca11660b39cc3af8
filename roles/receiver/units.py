"""The receiver's socket and service: what they listen on, how much they may use, whom they hear.

A part of the role `receiver`, as tls.py is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field

from provision.desired.context import format_url_host, is_address
from provision.desired.host_paths import LOG_DIRECTORY, USER
from provision.desired.templates import render
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.sites.setting_types import Networks
from provision.sites.settings import RoleSettings

APP_DIRECTORY = "/opt/banstitch"
SERVICE = "banstitch-receiver.service"
SOCKET = "banstitch-receiver.socket"
# In /run, see RuntimeDirectory= in systemd.exec(5).
RUNTIME_DIRECTORY = "banstitch"
UNIT_DIRECTORY = "/etc/systemd/system"
# Apart from the socket's own file: a site that gets the filter later must not make its socket anew for it,
# since connections are refused meanwhile.
FILTER = f"{UNIT_DIRECTORY}/{SOCKET}.d/filter.conf"
_MIB = 1 << 20
_BYTES = {"k": 1024, "M": _MIB}
# Bytes from which on root moves these logs aside; there are two files of each.
EVIDENCE_SIZE = 32 * _MIB
REJECTED_SIZE = _MIB
# Bytes that a worker needs for one ban of the feed, while it makes the feed anew (measured: 0.8 KiB).
_BYTES_OF_A_BAN = 820
# MiB for 10,000 connections of all workers at 30 KiB each, and for a worker without bans.
_CONNECTIONS = 320
_WORKER = 96
# Beside itself a worker has the threads in which gevent looks names up, ten at most.
_TASKS_OF_A_WORKER = 16


class Settings(RoleSettings):
    """Readers of pages and metrics, and the size of the event log."""

    receiver_readers: Annotated[
        Networks,
        Field(
            description="addresses that may read /status and /metrics; empty: no limit for /status,"
            " and FortiGates and the ban host for /metrics where systemd filters addresses"
        ),
    ] = ()
    receiver_log_size: Annotated[
        str,
        Field(pattern=r"^[1-9][0-9]{0,5}[kM]$", description="rotate the event log from here on"),
    ] = "50M"
    receiver_log_keep: Annotated[
        int, Field(ge=1, le=520, description="how many rotated event logs are kept, 1 to 520")
    ] = 4


def log_limit(settings: Settings) -> int:
    """Return the size from which on the event log is moved aside at once.

    It is twice what logrotate waits for: only a flood between two of its runs gets there.
    """
    size, unit = int(settings.receiver_log_size[:-1]), settings.receiver_log_size[-1]
    return 2 * size * _BYTES[unit]


def most_bytes_of_a_file(log_limit: int) -> int:
    """Return the largest file that the service may write.

    It is above the event log's limit, from which on root rotates it: a flood goes on until then.
    """
    return log_limit + 64 * _MIB


def heard(
    allowed: Sequence[str] | None,
    own: Sequence[str],
    looked_up: Sequence[str],
    readers: Networks,
    page: bool,
) -> tuple[str, ...]:
    """Return the addresses that systemd lets through to the receiver; empty where it filters none.

    It filters where everybody who needs the receiver is known by address. A name must be looked up over
    the network, and a page without ``receiver_readers`` may be read from anywhere.
    """
    if allowed is None or looked_up or (page and not readers):
        return ()
    if not all(is_network(each) for each in allowed):
        return ()
    return tuple(dict.fromkeys(["localhost", *own, *allowed, *map(str, readers)]))


def is_network(text: str) -> bool:
    """Return whether ``text`` is an address or a network rather than a name."""
    return is_address(text.partition("/")[0])


def files(
    listen: str, port: int, workers: int, feed_limit: int, log_limit: int, allow: Sequence[str]
) -> tuple[File, File]:
    """Return the socket and the service."""
    socket = render(
        "receiver/receiver.socket.j2",
        bind=f"{format_url_host(listen)}:{port}",
        dual=":" in listen,
    )
    memory = _CONNECTIONS + workers * (_WORKER + 2 * feed_limit * _BYTES_OF_A_BAN // _MIB)
    service = render(
        "receiver/receiver.service.j2",
        user=USER,
        group=USER,
        socket=SOCKET,
        app_directory=APP_DIRECTORY,
        log_directory=LOG_DIRECTORY,
        runtime_directory=RUNTIME_DIRECTORY,
        workers=workers,
        memory=f"{memory}M",
        tasks=_TASKS_OF_A_WORKER * (workers + 1),
        file_size=most_bytes_of_a_file(log_limit),
        allow=allow,
    )
    return (
        File(f"{UNIT_DIRECTORY}/{SOCKET}", socket, check="systemd-unit"),
        File(f"{UNIT_DIRECTORY}/{SERVICE}", service, check="systemd-unit"),
    )


def filter_files(allow: Sequence[str]) -> tuple[Directory | File, ...]:
    """Return what has systemd drop connections of everybody but ``allow``; nothing where it is empty."""
    if not allow:
        return ()
    folder = Directory(str(PurePosixPath(FILTER).parent), 0o755)
    return folder, File(FILTER, render("receiver/filter.conf.j2", allow=allow))
