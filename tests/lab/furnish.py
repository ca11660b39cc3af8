"""Give a host its name, keys, address and password.

They are written to the disk before the first boot, so that nothing changes later by itself.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path

from tests.lab.nspawn import locate_filesystem
from tests.lab.records import Record

# Home and number of the users that the root was built with (tests.lab.roots).
HOMES = {"root": 0, "home/admin": 1000, "home/deploy": 1001}
# Debian starts these in the hour after midnight, beside the timers that the root masks. None may run
# between two looks at a host.
TIMERS = ("fstrim", "logrotate")
NEVER = "[Timer]\nOnCalendar=\nOnCalendar=2099-01-01\n"


def locate_private_key(record: Record) -> Path:
    """Return the path of the private key with which root, admin and deploy log in."""
    return record.directory / "key"


def locate_known_hosts(record: Record) -> Path:
    """Return the path of a known_hosts file with the line of this host."""
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


def _make_host_key(record: Record) -> None:
    file = locate_filesystem(record) / "etc/ssh/ssh_host_ed25519_key"
    kind, key, *_ = _generate_key(file, f"root@{record.name}").split()
    where = record.address if record.port == 22 else f"[{record.address}]:{record.port}"
    locate_known_hosts(record).write_text(f"{where} {kind} {key}\n")


def _set_password(record: Record) -> None:
    argv = ["chroot", str(locate_filesystem(record)), "chpasswd"]
    line = f"admin:{record.password}\n"
    subprocess.run(argv, input=line, text=True, check=True, capture_output=True)


def _silence_timers(disk: Path) -> None:
    for name in TIMERS:
        directory = disk / f"etc/systemd/system/{name}.timer.d"
        directory.mkdir(exist_ok=True)
        (directory / "lab.conf").write_text(NEVER)


def furnish(record: Record) -> None:
    """Prepare the mounted disk of a host that has not booted yet."""
    disk = locate_filesystem(record)
    sshd = f"ListenAddress {record.address}\nPort {record.port}\nUseDNS no\n"
    for path, text in (
        # without a machine-id systemd assumes a first boot and resets all units
        ("etc/machine-id", f"{uuid.uuid4().hex}\n"),
        ("etc/hostname", f"{record.name}\n"),
        ("etc/hosts", f"127.0.0.1 localhost\n{record.address} {record.name}\n"),
        ("etc/ssh/sshd_config.d/lab.conf", sshd),
    ):
        (disk / path).write_text(text)
    _silence_timers(disk)
    _make_host_key(record)
    public = _generate_key(locate_private_key(record), "lab")
    for home, owner in HOMES.items():
        _authorize(disk / home / ".ssh", public, owner)
    _set_password(record)
