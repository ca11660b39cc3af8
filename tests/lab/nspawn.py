"""Start and stop a Debian: its overlay file system, its control groups and systemd-nspawn.

A host shares the network of this machine, and has a loopback address of its own. It also has control
groups of its own, because two systemds in one group would stop each other's services.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.lab.records import (
    RECORD,
    UNFINISHED,
    LabError,
    Process,
    Record,
    get_hosts_directory,
    is_alive,
    list_records,
    parse_stat,
)
from tests.lab.roots import remove_tree

# Seconds. A stop may wait for the stop timeout of a service that hangs (systemd: 90 s).
STOP_TIMEOUT = 100
KILL_TIMEOUT = 60

# This records its process before it becomes systemd-nspawn, so that a file names each host that runs.
# Then it enters the host's control groups.
LAUNCH = """
cat /proc/$$/stat > "$1.new" && mv "$1.new" "$1" || exit 1
shift
while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 1; shift; done
shift
exec "$@"
"""


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until ``holds()`` is true, and return whether it was within ``seconds``."""
    began = time.monotonic()
    while not holds():
        passed = time.monotonic() - began
        if passed > seconds:
            return False
        time.sleep(min(max(0.02, passed / 10), 0.5))  # what takes longer is looked at less often
    return True


def locate_filesystem(record: Record) -> Path:
    """Return the path of the host's file system on this machine, also while the host is off."""
    return record.directory / "merged"


def mount(record: Record) -> None:
    """Lay a writable layer of the host's own over its root, and over what was kept of it."""
    for part in ("upper", "work", "merged"):
        (record.directory / part).mkdir(exist_ok=True)
    kept = record.directory / "kept"
    lower = f"{kept}:{record.root}" if kept.is_dir() else record.root
    # "volatile": nothing waits for the disk. What a killed host wrote stays in this kernel's cache, so that
    # waiting would prove nothing.
    layers = (
        f"volatile,lowerdir={lower},upperdir={record.directory}/upper"
        f",workdir={record.directory}/work"
    )
    argv = ["mount", "-t", "overlay", "banstitch-lab", "-o", layers, str(locate_filesystem(record))]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"cannot mount the file system of {record.name}: {done.stderr.strip()}")


def _is_managed_by_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def list_control_groups(record: Record) -> list[Path]:
    """Return the host's groups, one in each hierarchy. With systemd there are none: it delegates."""
    if _is_managed_by_systemd():
        return []
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return [
        Path(fields[1]) / f"banstitch-lab-{record.name}"
        for fields in mounts
        if fields[2] == "cgroup2" or (fields[2] == "cgroup" and "name=systemd" in fields[3])
    ]


def _build_scope_prefix(record: Record) -> list[str]:
    """Return the command with which systemd delegates groups, if it manages this machine."""
    if not _is_managed_by_systemd():
        return []
    return [
        "systemd-run",
        "--scope",
        "--quiet",
        "--collect",
        "--property=Delegate=yes",
        f"--unit=banstitch-lab-{record.name}",
        "--",
    ]


def start(record: Record) -> subprocess.Popen[bytes]:
    """Switch the host on. It boots in the background and writes to ``console.log``."""
    groups = list_control_groups(record)
    for group in groups:
        group.mkdir(exist_ok=True)
    stat = record.directory / "nspawn.stat"
    argv = [
        *_build_scope_prefix(record),
        "sh",
        "-c",
        LAUNCH,
        "lab",
        str(stat),
        *map(str, groups),
        "--",
    ]
    argv += [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--register=no",
        "--keep-unit",
        "--link-journal=no",
        "--resolv-conf=copy-host",
        f"--directory={locate_filesystem(record)}",
        f"--machine=banstitch-lab-{record.name}",
        f"--hostname={record.name}",
    ]
    with (record.directory / "console.log").open("ab") as console:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
            env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},  # as every Debian since 11
        )


def find_supervisor(record: Record) -> Process | None:
    """Return the systemd-nspawn of the host, if it runs."""
    try:
        known, _ = parse_stat((record.directory / "nspawn.stat").read_text())
    except FileNotFoundError:
        return None
    return known if is_alive(known) else None


def find_leader(record: Record) -> int | None:
    """Return the number of the host's first process (its systemd), if it runs."""
    nspawn = find_supervisor(record)
    if nspawn is None:
        return None
    try:
        children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    for child in map(int, children):
        if re.search(r"^NSpid:.*\s1$", _read_status(child), re.MULTILINE):
            return child
    return None


def _read_status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _send_signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def stop(record: Record, *, cleanly: bool) -> None:
    """Shut the host down, or cut its power if ``cleanly`` is false or the shutdown hangs."""
    first = find_leader(record)
    if cleanly and first is not None:
        _send_signal(first, signal.SIGRTMIN + 4)  # poweroff.target, see systemd(1)
        if wait_until(lambda: find_supervisor(record) is None, STOP_TIMEOUT):
            return
    if first is not None:
        _send_signal(first, signal.SIGKILL)
        if wait_until(lambda: find_supervisor(record) is None, KILL_TIMEOUT):
            return
    nspawn = find_supervisor(record)
    if nspawn is not None:
        _send_signal(nspawn.pid, signal.SIGKILL)  # the host dies with it (PR_SET_PDEATHSIG)
        wait_until(lambda: find_supervisor(record) is None, KILL_TIMEOUT)


def _remove_groups(top: Path) -> bool:
    """Remove a group with all below it; return false while a process of the host is in one."""
    groups = sorted(path for path in top.rglob("*") if path.is_dir())
    try:
        for group in reversed([top, *groups] if top.is_dir() else []):
            group.rmdir()
    except OSError:
        return False
    return True


def remove(record: Record) -> None:
    """Switch the host off and delete everything that it had, the record last.

    Another process may do the same meanwhile, so what is gone is no error.
    """
    stop(record, cleanly=False)
    for top in list_control_groups(record):
        wait_until(partial(_remove_groups, top), KILL_TIMEOUT)
    propagate = Path("/run/systemd/nspawn/propagate") / f"banstitch-lab-{record.name}"
    with suppress(FileNotFoundError):
        propagate.rmdir()
    mounted = f" {locate_filesystem(record)} " in Path("/proc/mounts").read_text()
    if mounted and not wait_until(lambda: _unmount(locate_filesystem(record)), KILL_TIMEOUT):
        subprocess.run(["umount", "--lazy", str(locate_filesystem(record))], check=True)
    for part in record.directory.glob("*"):
        if part.name != RECORD:
            remove_tree(part)
    remove_tree(record.directory)


def _unmount(path: Path) -> bool:
    return subprocess.run(["umount", str(path)], capture_output=True).returncode == 0


def keep(record: Record) -> None:
    """Keep the disk of a host that is off, as it is now, for :func:`restore`."""
    _unmount_soon(record)
    (record.directory / "upper").rename(record.directory / "kept")
    remove_tree(record.directory / "work")
    mount(record)


def restore(record: Record) -> None:
    """Return the disk of a host that is off to what was kept."""
    _unmount_soon(record)
    for part in ("upper", "work"):
        remove_tree(record.directory / part)
    mount(record)


def _unmount_soon(record: Record) -> None:
    if not wait_until(lambda: _unmount(locate_filesystem(record)), KILL_TIMEOUT):
        raise LabError(f"the file system of {record.name} is still in use")


def remove_orphans() -> None:
    """Remove every host whose owner has died. The caller holds the lock "hosts"."""
    for unfinished in get_hosts_directory().glob(f"{UNFINISHED}*"):
        remove_tree(unfinished)
    for record in list_records():
        if record.orphan:
            remove(record)
