"""The receiver's socket and service: where they listen, what they may use, whom they let through.

Part of the role `receiver`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated

from banstitch_shared.addresses import is_network
from pydantic import Field

from provision.desired.context import format_url_host
from provision.desired.host_paths import (
    EVENTS_LOG,
    LOG_DIRECTORY,
    RULES_LOG,
    RULES_USER,
    SHARE,
    USER,
)
from provision.desired.templates import render
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.sites.setting_types import Expected, Networks
from provision.sites.settings import RoleSettings

APP_DIRECTORY = "/opt/banstitch"
SERVICE = "banstitch-receiver.service"
SOCKET = "banstitch-receiver.socket"
# In /run, see RuntimeDirectory= in systemd.exec(5).
RUNTIME_DIRECTORY = "banstitch"
UNIT_DIRECTORY = "/etc/systemd/system"
# In a file apart from the socket's own: a site that gets the filter later must not recreate its socket for
# it, because connections are refused meanwhile.
FILTER = f"{UNIT_DIRECTORY}/{SOCKET}.d/filter.conf"
_LOGROTATE = "/etc/logrotate.d/banstitch"
_MIB = 1 << 20
_BYTES = {"k": 1024, "M": _MIB}
# Size in bytes at which root rotates these logs. Each log has at most two files.
EVIDENCE_SIZE = 32 * _MIB
REJECTED_SIZE = _MIB
# Bytes that a worker needs for one ban while it rebuilds the feed (measured: 0.8 KiB).
_BYTES_OF_A_BAN = 820
# MiB for 10,000 connections at 30 KiB each, shared by all workers; MiB for one worker without bans.
_CONNECTIONS = 320
_WORKER = 96
# A worker process and its threads: gevent uses up to ten to resolve names.
_TASKS_OF_A_WORKER = 16


class Settings(RoleSettings):
    """Readers of pages and metrics, and the size of the event log."""

    receiver_readers: Annotated[
        Networks,
        Field(
            description="addresses that may read /status and /metrics; empty: any address, or only"
            " FortiGates and the ban host where systemd filters addresses"
        ),
    ] = ()
    receiver_log_size: Annotated[
        str,
        Field(
            pattern=r"^[1-9][0-9]{0,5}[kM]$",
            description="size at which the event log is rotated, such as 500k or 50M",
        ),
        Expected("a size such as 500k or 50M"),
    ] = "50M"
    receiver_log_keep: Annotated[
        int, Field(ge=1, le=520, description="number of rotated event logs to keep")
    ] = 4


def compute_log_limit(settings: Settings) -> int:
    """Return the size in bytes at which the event log is rotated at once, without waiting for logrotate.

    It is twice the size at which logrotate acts, so only a flood between two of its runs reaches it.
    """
    size, unit = int(settings.receiver_log_size[:-1]), settings.receiver_log_size[-1]
    return 2 * size * _BYTES[unit]


def compute_file_limit(log_limit: int) -> int:
    """Return the size in bytes of the largest file that the service may write.

    It is above the event log's limit, because a flood continues until root has rotated the log.
    """
    return log_limit + 64 * _MIB


def list_allowed_sources(
    allowed: Sequence[str] | None,
    own: Sequence[str],
    looked_up: Sequence[str],
    readers: Networks,
    page: bool,
) -> tuple[str, ...]:
    """Return the addresses that systemd lets through to the receiver; empty if it does not filter.

    It filters only if every legitimate client is known by address. A host name would have to be resolved
    over the network, and a status page without ``receiver_readers`` may be read from anywhere.
    """
    if allowed is None or looked_up or (page and not readers):
        return ()
    if not all(is_network(source) for source in allowed):
        return ()
    return tuple(dict.fromkeys(["localhost", *own, *allowed, *map(str, readers)]))


def render_units(
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
        share=SHARE,
        runtime_directory=RUNTIME_DIRECTORY,
        workers=workers,
        memory=f"{memory}M",
        tasks=_TASKS_OF_A_WORKER * (workers + 1),
        file_size=compute_file_limit(log_limit),
        allow=allow,
    )
    return (
        File(f"{UNIT_DIRECTORY}/{SOCKET}", socket, check="systemd-unit"),
        File(f"{UNIT_DIRECTORY}/{SERVICE}", service, check="systemd-unit"),
    )


def filter_files(allow: Sequence[str]) -> tuple[Directory | File, ...]:
    """Return the files that make systemd drop connections from any address not in ``allow``."""
    if not allow:
        return ()
    folder = Directory(str(PurePosixPath(FILTER).parent), 0o755)
    return folder, File(FILTER, render("receiver/filter.conf.j2", allow=allow))


def render_rotation(settings: Settings) -> File:
    """Return logrotate's configuration of the logs that jails and rules follow."""
    text = render(
        "receiver/logrotate.conf.j2",
        logs=((EVENTS_LOG, USER), (RULES_LOG, RULES_USER)),
        log_size=settings.receiver_log_size,
        log_keep=settings.receiver_log_keep,
    )
    return File(_LOGROTATE, text, check="logrotate")
