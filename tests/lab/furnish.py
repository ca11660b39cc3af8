"""What tells one host from another: its names, its keys, its address, its password.

Written to the disk before the first boot, so that nothing on the host changes itself later on.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path

from tests.lab.nspawn import merged
from tests.lab.records import Record

# Home and number of the users that the root was built with (tests.lab.roots).
HOMES = {"root": 0, "home/admin": 1000, "home/deploy": 1001}
# What Debian does by itself within the hour after midnight, beyond what the root masks: none
# of it may fall between two looks at a host.
TIMERS = ("fstrim", "logrotate")
NEVER = "[Timer]\nOnCalendar=\nOnCalendar=2099-01-01\n"


def private_key(record: Record) -> Path:
    """The key that opens the host to root, admin and deploy."""
    return record.directory / "key"


def known_hosts(record: Record) -> Path:
    """A known_hosts file with the one line of this host."""
    return record.directory / "known_hosts"


def _generate_key(file: Path, comment: str) -> str:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(file)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return file.with_name(f"{file.name}.pub").read_text()


def _authorize(directory: Path, public: str, owner: int) -> None:
    directory.mkdir(mode=0o700, exist_ok=True)
    file = directory / "authorized_keys"
    file.write_text(public)
    file.chmod(0o600)
    for path in (directory, file):
        os.chown(path, owner, owner)


def _host_key(record: Record) -> None:
    file = merged(record) / "etc/ssh/ssh_host_ed25519_key"
    kind, key, *_ = _generate_key(file, f"root@{record.name}").split()
    where = record.address if record.port == 22 else f"[{record.address}]:{record.port}"
    known_hosts(record).write_text(f"{where} {kind} {key}\n")


def _set_password(record: Record) -> None:
    argv = ["chroot", str(merged(record)), "chpasswd"]
    line = f"admin:{record.password}\n"
    subprocess.run(argv, input=line, text=True, check=True, capture_output=True)


def _silence_timers(disk: Path) -> None:
    for name in TIMERS:
        directory = disk / f"etc/systemd/system/{name}.timer.d"
        directory.mkdir(exist_ok=True)
        (directory / "lab.conf").write_text(NEVER)


def furnish(record: Record) -> None:
    """Prepare the mounted disk of a host that has not booted yet."""
    disk = merged(record)
    sshd = f"ListenAddress {record.address}\nPort {record.port}\nUseDNS no\n"
    for path, text in (
        # systemd takes a host without machine-id for one that boots first and resets all units
        ("etc/machine-id", f"{uuid.uuid4().hex}\n"),
        ("etc/hostname", f"{record.name}\n"),
        ("etc/hosts", f"127.0.0.1 localhost\n{record.address} {record.name}\n"),
        ("etc/ssh/sshd_config.d/lab.conf", sshd),
    ):
        (disk / path).write_text(text)
    _silence_timers(disk)
    _host_key(record)
    public = _generate_key(private_key(record), "lab")
    for home, owner in HOMES.items():
        _authorize(disk / home / ".ssh", public, owner)
    _set_password(record)
