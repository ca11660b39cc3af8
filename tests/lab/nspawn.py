"""One running Debian: its overlay file system, its control groups and its systemd-nspawn process.

A host shares the network of this machine, so it is reached on a loopback address of its own. It
gets control groups of its own too: two systemds in one group would stop each other's services.
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
    alive,
    hosts_directory,
    parse_stat,
    records,
)
from tests.lab.roots import remove_tree

# Seconds. A stop may wait for the stop timeout of a service that hangs (systemd: 90 s).
STOP_TIMEOUT = 100
KILL_TIMEOUT = 60

# Writes down which process it is before it becomes systemd-nspawn, so that there is no moment in
# which a host runs and no file names it; then enters the host's control groups.
LAUNCH = """
cat /proc/$$/stat > "$1.new" && mv "$1.new" "$1" || exit 1
shift
while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 1; shift; done
shift
exec "$@"
"""


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether ``holds()`` came true within ``seconds``."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def merged(record: Record) -> Path:
    """The host's file system as seen from outside, also while it is off."""
    return record.directory / "merged"


def mount(record: Record) -> None:
    """Lay a writable layer of the host's own over its root."""
    for part in ("upper", "work", "merged"):
        (record.directory / part).mkdir()
    layers = (
        f"lowerdir={record.root},upperdir={record.directory}/upper,workdir={record.directory}/work"
    )
    argv = ["mount", "-t", "overlay", "banstitch-lab", "-o", layers, str(merged(record))]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"cannot mount the file system of {record.name}: {done.stderr.strip()}")


def _systemd_manages_this_machine() -> bool:
    return Path("/run/systemd/system").is_dir()


def _control_groups(record: Record) -> list[Path]:
    """Groups for the host, one a hierarchy, on a machine without a systemd that would delegate."""
    if _systemd_manages_this_machine():
        return []
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return [
        Path(fields[1]) / f"banstitch-lab-{record.name}"
        for fields in mounts
        if fields[2] == "cgroup2" or (fields[2] == "cgroup" and "name=systemd" in fields[3])
    ]


def _scope(record: Record) -> list[str]:
    """The prefix by which systemd delegates groups, where there is one (systemd-nspawn(1))."""
    if not _systemd_manages_this_machine():
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
    """Switch the host on; it boots in the background and writes to ``console.log``."""
    groups = _control_groups(record)
    for group in groups:
        group.mkdir(exist_ok=True)
    stat = record.directory / "nspawn.stat"
    argv = [*_scope(record), "sh", "-c", LAUNCH, "lab", str(stat), *map(str, groups), "--"]
    argv += [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--register=no",
        "--keep-unit",
        "--link-journal=no",
        "--resolv-conf=copy-host",
        f"--directory={merged(record)}",
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


def supervisor(record: Record) -> Process | None:
    """The systemd-nspawn of the host, if it runs."""
    try:
        known, _ = parse_stat((record.directory / "nspawn.stat").read_text())
    except FileNotFoundError:
        return None
    return known if alive(known) else None


def leader(record: Record) -> int | None:
    """Number of the host's own first process (its systemd), if it runs."""
    nspawn = supervisor(record)
    if nspawn is None:
        return None
    try:
        children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    for child in map(int, children):
        if re.search(r"^NSpid:.*\s1$", _status(child), re.MULTILINE):
            return child
    return None


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def stop(record: Record, *, cleanly: bool) -> None:
    """Switch the host off: by its own shutdown, or (also when that hangs) as a power cut does."""
    first = leader(record)
    if cleanly and first is not None:
        _signal(first, signal.SIGRTMIN + 4)  # poweroff.target, see systemd(1)
        if wait_until(lambda: supervisor(record) is None, STOP_TIMEOUT):
            return
    if first is not None:
        _signal(first, signal.SIGKILL)
        if wait_until(lambda: supervisor(record) is None, KILL_TIMEOUT):
            return
    nspawn = supervisor(record)
    if nspawn is not None:
        _signal(nspawn.pid, signal.SIGKILL)  # the host dies with it (PR_SET_PDEATHSIG)
        wait_until(lambda: supervisor(record) is None, KILL_TIMEOUT)


def _groups_are_gone(top: Path) -> bool:
    """Remove a group with all below it; false while a process of the host is still dying in one."""
    groups = sorted(path for path in top.rglob("*") if path.is_dir())
    try:
        for group in reversed([top, *groups] if top.is_dir() else []):
            group.rmdir()
    except OSError:
        return False
    return True


def remove(record: Record) -> None:
    """Switch the host off and delete everything it ever had, the record last.

    Another process may be at the same: what is gone is no error.
    """
    stop(record, cleanly=False)
    for top in _control_groups(record):
        wait_until(partial(_groups_are_gone, top), KILL_TIMEOUT)
    propagate = Path("/run/systemd/nspawn/propagate") / f"banstitch-lab-{record.name}"
    with suppress(FileNotFoundError):
        propagate.rmdir()
    mounted = f" {merged(record)} " in Path("/proc/mounts").read_text()
    if mounted and not wait_until(lambda: _unmounted(merged(record)), KILL_TIMEOUT):
        subprocess.run(["umount", "--lazy", str(merged(record))], check=True)
    for part in record.directory.glob("*"):
        if part.name != RECORD:
            remove_tree(part)
    remove_tree(record.directory)


def _unmounted(path: Path) -> bool:
    return subprocess.run(["umount", str(path)], capture_output=True).returncode == 0


def remove_orphans() -> None:
    """Take down every recorded host whose owner died without doing so; hold the lock "hosts"."""
    for unfinished in hosts_directory().glob(f"{UNFINISHED}*"):
        remove_tree(unfinished)
    for record in records():
        if record.orphan:
            remove(record)
