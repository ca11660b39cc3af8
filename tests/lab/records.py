"""Who runs which lab host: records on disk, so that a run finds what an interrupted one left.

A record is written before anything is mounted or started and deleted last. What it names may be
stopped and removed once its owner is gone; nothing else ever is. A process is known by its number
and its start time, so that a number which was given out again is not mistaken for ours.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

# Below are addresses that people use by hand.
ADDRESSES = tuple(f"127.0.0.{last}" for last in range(71, 251))
# A machine with an sshd on 0.0.0.0 has port 22 taken on every loopback address.
PORTS = (22, 2222, 22022)


RECORD = "record.json"
# A host's directory until its record is in it; seen with the lock held, its maker is dead.
UNFINISHED = ".new-"


class LabError(RuntimeError):
    """The lab cannot do what was asked; the text says why and what helps."""


def cache_directory() -> Path:
    """Where roots and running hosts live; outside the work tree, because hosts are file systems."""
    return Path(os.environ.get("BANSTITCH_LAB_CACHE") or "/var/cache/banstitch-lab")


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock ``name`` of the cache directory; it goes with the process that holds it."""
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Process:
    """A process for as long as it lives: ``started`` is in clock ticks since the machine's boot."""

    pid: int
    started: int


def parse_stat(text: str) -> tuple[Process, str]:
    """The process and its state letter out of /proc/PID/stat (proc(5): fields 1, 3 and 22)."""
    pid, rest = text.split(" ", 1)
    fields = rest[rest.rindex(")") + 2 :].split()
    return Process(int(pid), int(fields[19])), fields[0]


def process(pid: int) -> Process | None:
    """The process that has this number now; ``None`` if it is gone or awaits being collected."""
    try:
        found, state = parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else found


def alive(known: Process) -> bool:
    return process(known.pid) == known


@dataclass(frozen=True)
class Record:
    """One lab host. ``owner`` is the process that must take it down; ``None``: a person will."""

    name: str
    address: str
    port: int
    root: str
    password: str
    owner: Process | None

    @property
    def directory(self) -> Path:
        return hosts_directory() / self.name

    @property
    def orphan(self) -> bool:
        return self.owner is not None and not alive(self.owner)


def hosts_directory() -> Path:
    return cache_directory() / "hosts"


def save(record: Record) -> None:
    """Make the host's directory, with its record in it from the first moment on."""
    hosts_directory().mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=hosts_directory()))
    (new / RECORD).write_text(json.dumps(asdict(record)))
    new.rename(record.directory)


def load(directory: Path) -> Record | None:
    """The record in ``directory``, or ``None`` where there is none."""
    try:
        fields = json.loads((directory / RECORD).read_text())
    except FileNotFoundError:
        return None
    owner = fields.pop("owner")
    return Record(**fields, owner=Process(**owner) if owner else None)


def records() -> list[Record]:
    """All hosts that are recorded, by name."""
    found = (load(directory) for directory in sorted(hosts_directory().glob("[!.]*")))
    return [record for record in found if record is not None]


def port_is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


def free_endpoint(address: str | None, port: int | None) -> tuple[str, int]:
    """An address that no record names, and a port on it that nothing listens on."""
    taken = {record.address for record in records()}
    if address in taken:
        raise LabError(
            f"{address} belongs to a running lab host; see `python -m tests.lab.debian list`"
        )
    for candidate in (address,) if address else ADDRESSES:
        for wanted in (port,) if port else PORTS:
            if candidate not in taken and port_is_free(candidate, wanted):
                return candidate, wanted
    raise LabError(f"no free port for ssh on {address or '127.0.0.71-250'}")


def claim(
    root: Path, name: str | None, address: str | None, port: int | None, *, owned: bool
) -> Record:
    """The record of a new host, saved, to be called with the hosts locked; what is None is chosen.

    ``owned``: the host is this process's and goes with it.

    Raises:
        LabError: the name or the address is a running host's, or no port is free.
    """
    address, port = free_endpoint(address, port)
    name = name or f"ban-{address.rpartition('.')[2]}"
    if load(hosts_directory() / name):
        raise LabError(f"a lab host {name!r} runs already; take it down or choose another name")
    record = Record(
        name=name,
        address=address,
        port=port,
        root=str(root),
        password=secrets.token_urlsafe(12),
        owner=process(os.getpid()) if owned else None,
    )
    save(record)
    return record
