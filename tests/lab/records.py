"""Record on disk who runs which host, so that a run finds what an interrupted one left.

A record is written before anything is mounted or started, and deleted last. Only what a record names
is stopped and removed, and only once its owner is gone. A process is identified by its number and
its start time, because numbers are used again.
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

# People use lower addresses by hand.
ADDRESSES = tuple(f"127.0.0.{last}" for last in range(71, 251))
# A machine with an sshd on 0.0.0.0 has port 22 taken on every loopback address.
PORTS = (22, 2222, 22022)

RECORD = "record.json"
# A directory has this prefix until the record is in it. Whoever holds the lock and sees one knows that its
# maker is dead.
UNFINISHED = ".new-"


class LabError(RuntimeError):
    """The lab cannot do what was asked. The text says why, and what to do."""


def get_cache_directory() -> Path:
    """Return the folder of roots and running hosts, which is outside the work tree."""
    return Path(os.environ.get("BANSTITCH_LAB_CACHE") or "/var/cache/banstitch-lab")


@contextmanager
def hold_lock(name: str) -> Iterator[None]:
    """Hold the lock ``name`` of the cache directory. It ends with the process that holds it."""
    cache = get_cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Process:
    """A process. ``started`` is in clock ticks since the machine booted."""

    pid: int
    started: int


def parse_stat(text: str) -> tuple[Process, str]:
    """Return the process and its state letter from /proc/PID/stat (proc(5): fields 1, 3, 22)."""
    pid, rest = text.split(" ", 1)
    fields = rest[rest.rindex(")") + 2 :].split()
    return Process(int(pid), int(fields[19])), fields[0]


def find_process(pid: int) -> Process | None:
    """Return the process that has this number now; ``None`` if it is gone or a zombie."""
    try:
        found, state = parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else found


def is_alive(known: Process) -> bool:
    return find_process(known.pid) == known


@dataclass(frozen=True)
class Record:
    """A lab host. ``owner`` is the process that must remove it; ``None`` if a person will."""

    name: str
    address: str
    port: int
    root: str
    password: str
    owner: Process | None

    @property
    def directory(self) -> Path:
        return get_hosts_directory() / self.name

    @property
    def orphan(self) -> bool:
        return self.owner is not None and not is_alive(self.owner)


def get_hosts_directory() -> Path:
    return get_cache_directory() / "hosts"


def save(record: Record) -> None:
    """Create the host's directory, which has its record from the beginning."""
    get_hosts_directory().mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=get_hosts_directory()))
    (new / RECORD).write_text(json.dumps(asdict(record)))
    new.rename(record.directory)


def load(directory: Path) -> Record | None:
    """Return the record in ``directory``, or ``None``."""
    try:
        fields = json.loads((directory / RECORD).read_text())
    except FileNotFoundError:
        return None
    owner = fields.pop("owner")
    return Record(**fields, owner=Process(**owner) if owner else None)


def list_records() -> list[Record]:
    """Return the records of all hosts, by name."""
    found = (load(directory) for directory in sorted(get_hosts_directory().glob("[!.]*")))
    return [record for record in found if record is not None]


def is_port_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


def find_free_endpoint(address: str | None, port: int | None) -> tuple[str, int]:
    """Return an address that no record names, and a free port on it."""
    taken = {record.address for record in list_records()}
    if address in taken:
        raise LabError(
            f"{address} belongs to a running lab host; see `python -m tests.lab.debian list`"
        )
    for candidate in (address,) if address else ADDRESSES:
        for wanted in (port,) if port else PORTS:
            if candidate not in taken and is_port_free(candidate, wanted):
                return candidate, wanted
    raise LabError(f"no free port for ssh on {address or '127.0.0.71-250'}")


def claim(
    root: Path, name: str | None, address: str | None, port: int | None, *, owned: bool
) -> Record:
    """Save and return the record of a new host. The caller holds the lock "hosts".

    Values that are None are chosen. With ``owned`` the host ends with this process.

    Raises:
        LabError: A running host has the name or the address, or no port is free.
    """
    address, port = find_free_endpoint(address, port)
    name = name or f"ban-{address.rpartition('.')[2]}"
    if load(get_hosts_directory() / name):
        raise LabError(f"a lab host {name!r} runs already; take it down or choose another name")
    record = Record(
        name=name,
        address=address,
        port=port,
        root=str(root),
        password=secrets.token_urlsafe(12),
        owner=find_process(os.getpid()) if owned else None,
    )
    save(record)
    return record
