"""A real Debian host for tests, demo and people: it boots in a second and leaves nothing behind.

    with DebianHost(build_bare_root()) as host:
        host.run("hostname")                # through its sshd
        host.console("systemctl stop ssh")  # on the host itself, also without ssh

`python -m tests.lab.debian up` starts one for a person.
"""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.lab import nspawn
from tests.lab.furnish import furnish, locate_known_hosts, locate_private_key
from tests.lab.listing import PLACES, Entry, list_files, read_stamps
from tests.lab.nspawn import locate_filesystem, wait_until
from tests.lab.records import (
    LabError,
    Record,
    claim,
    get_hosts_directory,
    hold_lock,
    list_records,
    load,
)
from tests.lab.roots import build_bare_root, build_ready_root, build_root

__all__ = ["DebianHost", "Entry", "LabError", "build_bare_root", "build_ready_root", "build_root"]

BOOT_TIMEOUT = 180
ENVIRONMENT = ("env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")

Command = str | Sequence[str]
Completed = subprocess.CompletedProcess[str]


def _make_argv(command: Command) -> list[str]:
    return ["sh", "-c", command] if isinstance(command, str) else list(command)


class DebianHost:
    """A Debian on a loopback address. As a context manager, it is up inside and removed afterwards."""

    def __init__(
        self,
        root: Path,
        *,
        address: str | None = None,
        name: str | None = None,
        port: int | None = None,
        owned: bool = True,
    ) -> None:
        """Choose what is not given so that nothing collides; :meth:`up` starts the host.

        With ``owned=False`` the host outlives this process, until somebody removes it by name.
        """
        self._root = root
        self._wanted = (name, address, port)
        self._owned = owned
        self._record: Record | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def attach(cls, name: str) -> Self:
        """Return the recorded host ``name``, whoever started it.

        Raises:
            LabError: There is no such host.
        """
        record = load(get_hosts_directory() / name)
        if record is None:
            names = ", ".join(each.name for each in list_records()) or "none"
            raise LabError(f"there is no lab host {name!r}; there is: {names}")
        host = cls(Path(record.root))
        host._record = record
        return host

    # --- identity -------------------------------------------------------------------------------

    @property
    def record(self) -> Record:
        if self._record is None:
            raise LabError("the host is not up")
        return self._record

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def address(self) -> str:
        return self.record.address

    @property
    def port(self) -> int:
        return self.record.port

    @property
    def password(self) -> str:
        """Return the password of the user ``admin``, for login and sudo. Other users have none."""
        return self.record.password

    @property
    def private_key(self) -> Path:
        """Return the key of root, ``admin`` (sudo with the password) and ``deploy`` (sudo without)."""
        return locate_private_key(self.record)

    @property
    def known_hosts(self) -> Path:
        return locate_known_hosts(self.record)

    @property
    def host_key_line(self) -> str:
        """Return the host's line for a known_hosts file, without the line end."""
        return self.known_hosts.read_text().strip()

    @property
    def filesystem(self) -> Path:
        """Return the path of the host's disk on this machine. Absolute links in it point outside."""
        return locate_filesystem(self.record)

    @property
    def console_log(self) -> str:
        return (self.record.directory / "console.log").read_text(errors="replace")

    # --- life -----------------------------------------------------------------------------------

    def up(self) -> Self:
        """Create the host and boot it.

        Raises:
            LabError: It did not boot. The text has the last lines of its console.
        """
        with hold_lock("hosts"):
            nspawn.remove_orphans()
            self._record = claim(self._root, *self._wanted, owned=self._owned)
        try:
            nspawn.mount(self.record)
            furnish(self.record)
            self.boot()
        except BaseException:
            self.down()
            raise
        return self

    def boot(self) -> None:
        """Switch on a host that is off, and wait until sshd answers and the boot is complete.

        A host that reboots itself (`systemctl reboot`) switches off and waits for this.
        """
        self._process = nspawn.start(self.record)
        if (
            not wait_until(lambda: self._has_died() or self._is_answering(), BOOT_TIMEOUT)
            or self._has_died()
        ):
            raise LabError(f"{self.name} did not boot; its console:\n{self.console_log[-3000:]}")
        self.console(["systemctl", "is-system-running", "--wait"])

    def _has_died(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _is_answering(self) -> bool:
        try:
            with socket.create_connection((self.address, self.port), timeout=5) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def power_off(self) -> None:
        """Shut down as an operator does. The disk stays; :meth:`boot` switches the host on again."""
        self._stop(cleanly=True)

    def kill(self) -> None:
        """Cut the power, so that no process on the host can do anything more."""
        self._stop(cleanly=False)

    def _stop(self, *, cleanly: bool) -> None:
        nspawn.stop(self.record, cleanly=cleanly)
        if self._process is not None:
            self._process.wait(timeout=nspawn.KILL_TIMEOUT)

    def reboot(self) -> None:
        self.power_off()
        self.boot()

    def keep(self) -> None:
        """Shut down, and keep the disk as it is now: :meth:`restore` returns to it."""
        self.power_off()
        nspawn.keep(self.record)

    def restore(self) -> None:
        """Cut the power, and return the disk to what was kept. The host is off then."""
        self.kill()
        nspawn.restore(self.record)

    @property
    def running(self) -> bool:
        return nspawn.find_leader(self.record) is not None

    def down(self) -> None:
        """Remove the host with everything that it had. A host that is gone is no error."""
        if self._record is None:
            return
        nspawn.remove(self._record)
        if self._process is not None:
            self._process.kill()  # only if it has not written its record yet
            self._process.wait(timeout=nspawn.KILL_TIMEOUT)
        self._record = None

    def __enter__(self) -> Self:
        return self.up()

    def __exit__(self, *_: object) -> None:
        self.down()

    # --- use ------------------------------------------------------------------------------------

    def ssh_argv(self, user: str = "root") -> list[str]:
        """Return a command line of ssh that checks the host key and reads no configuration."""
        options = (
            f"UserKnownHostsFile={self.known_hosts}",
            "StrictHostKeyChecking=yes",
            "IdentitiesOnly=yes",
            "BatchMode=yes",
            "LogLevel=ERROR",
            "ConnectTimeout=60",
        )
        flags = [part for option in options for part in ("-o", option)]
        where = ["-p", str(self.port), f"{user}@{self.address}"]
        return ["ssh", "-F", "none", "-i", str(self.private_key), *flags, *where]

    def run(
        self,
        command: Command,
        *,
        user: str = "root",
        stdin: str = "",
        timeout: float = 300,
        check: bool = False,
    ) -> Completed:
        """Run ``command`` (a shell line or an argv) on the host through its sshd, for ``timeout`` seconds."""
        line = command if isinstance(command, str) else shlex.join(command)
        return self._finish([*self.ssh_argv(user), line], stdin, timeout, check)

    def console(
        self, command: Command, *, stdin: str = "", timeout: float = 300, check: bool = False
    ) -> Completed:
        """Run ``command`` on the host as root, without ssh. The host must be running."""
        first = nspawn.find_leader(self.record)
        if first is None:
            raise LabError(f"{self.name} is switched off")
        enter = ["nsenter", f"--target={first}", "--mount", "--uts", "--ipc", "--pid", "--root"]
        argv = [*enter, "--wd", "--", *ENVIRONMENT, *_make_argv(command)]
        return self._finish(argv, stdin, timeout, check)

    def _finish(self, argv: list[str], stdin: str, timeout: float, check: bool) -> Completed:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode:
            words = (done.stdout + done.stderr)[-2000:]
            raise LabError(f"{self.name}: {argv[-1]!r} ended with {done.returncode}:\n{words}")
        return done

    def read(self, path: str) -> str:
        """Return the text of a file of the host.

        Raises:
            LabError: The file cannot be read.
        """
        return self.console(["cat", "--", path], check=True).stdout

    def write(self, path: str, text: str) -> None:
        """Replace the content of a file of the host. Its mode and owner stay."""
        self.console(["sh", "-c", 'cat > "$1"', "sh", path], stdin=text, check=True)

    def list_files(
        self, paths: Sequence[str] = PLACES, ignore: Sequence[str] = ()
    ) -> dict[str, Entry]:
        """Return every file below ``paths``; see :func:`tests.lab.listing.list_files`."""
        return list_files(self.filesystem, paths, ignore)

    def read_stamps(self, paths: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return the inode and modification time of each file."""
        return read_stamps(self.filesystem, paths)


if __name__ == "__main__":
    from tests.lab.cli import main

    sys.exit(main(sys.argv[1:]))
