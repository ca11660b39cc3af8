"""A real Debian host for tests, demo and people: boots in a second and leaves no residue.

    with DebianHost(bare_root()) as host:
        host.run("hostname")                # through its sshd, as anybody would
        host.console("systemctl stop ssh")  # on the machine itself, also when ssh is gone

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
from tests.lab.furnish import furnish, known_hosts, private_key
from tests.lab.listing import PLACES, Entry, listing, stamps
from tests.lab.nspawn import merged, wait_until
from tests.lab.records import (
    LabError,
    Record,
    claim,
    hosts_directory,
    load,
    locked,
    records,
)
from tests.lab.roots import bare_root, build_root, ready_root

__all__ = ["DebianHost", "Entry", "LabError", "bare_root", "build_root", "ready_root"]

BOOT_TIMEOUT = 180
ENVIRONMENT = ("env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")

Command = str | Sequence[str]
Completed = subprocess.CompletedProcess[str]


def _argv(command: Command) -> list[str]:
    return ["sh", "-c", command] if isinstance(command, str) else list(command)


class DebianHost:
    """One Debian on a loopback address; as a context manager it is up inside, gone afterwards."""

    def __init__(
        self,
        root: Path,
        *,
        address: str | None = None,
        name: str | None = None,
        port: int | None = None,
        owned: bool = True,
    ) -> None:
        """Nothing happens before :meth:`up`; what is not given is chosen so that nothing collides.

        ``owned=False``: the host outlives this process, until somebody takes it down by name.
        """
        self._root = root
        self._wanted = (name, address, port)
        self._owned = owned
        self._record: Record | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def attach(cls, name: str) -> Self:
        """The recorded host ``name``, started by whomever.

        Raises:
            LabError: there is none.
        """
        record = load(hosts_directory() / name)
        if record is None:
            names = ", ".join(each.name for each in records()) or "none"
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
        """Of the user ``admin``, for login and for sudo; other users have none."""
        return self.record.password

    @property
    def private_key(self) -> Path:
        """Opens root, ``admin`` (may sudo with the password) and ``deploy`` (without one)."""
        return private_key(self.record)

    @property
    def known_hosts(self) -> Path:
        return known_hosts(self.record)

    @property
    def host_key_line(self) -> str:
        """The host's line for a known_hosts file, without the line end."""
        return self.known_hosts.read_text().strip()

    @property
    def filesystem(self) -> Path:
        """The host's disk as seen from this machine. Absolute links in it point out of it."""
        return merged(self.record)

    @property
    def console_log(self) -> str:
        return (self.record.directory / "console.log").read_text(errors="replace")

    # --- life -----------------------------------------------------------------------------------

    def up(self) -> Self:
        """Create the host and boot it.

        Raises:
            LabError: it did not come up; its console's last lines are in the text.
        """
        with locked("hosts"):
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
        """Switch on a host that is off; returns when sshd answers and the boot is complete.

        A host that reboots itself (`systemctl reboot` on it) goes off and waits for this.
        """
        self._process = nspawn.start(self.record)
        if not wait_until(lambda: self._died() or self._answers(), BOOT_TIMEOUT) or self._died():
            raise LabError(f"{self.name} did not boot; its console:\n{self.console_log[-3000:]}")
        self.console(["systemctl", "is-system-running", "--wait"])

    def _died(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.address, self.port), timeout=5) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def power_off(self) -> None:
        """Shut down as an operator does; the disk stays, :meth:`boot` switches it on again."""
        self._stop(cleanly=True)

    def kill(self) -> None:
        """Cut the power: no process on the host gets to do anything more."""
        self._stop(cleanly=False)

    def _stop(self, *, cleanly: bool) -> None:
        nspawn.stop(self.record, cleanly=cleanly)
        if self._process is not None:
            self._process.wait(timeout=nspawn.KILL_TIMEOUT)

    def reboot(self) -> None:
        self.power_off()
        self.boot()

    @property
    def running(self) -> bool:
        return nspawn.leader(self.record) is not None

    def down(self) -> None:
        """Remove the host and everything it had; a host that is gone already is no error."""
        if self._record is None:
            return
        nspawn.remove(self._record)
        if self._process is not None:
            self._process.kill()  # matters only if it had not come to writing its record
            self._process.wait(timeout=nspawn.KILL_TIMEOUT)
        self._record = None

    def __enter__(self) -> Self:
        return self.up()

    def __exit__(self, *_: object) -> None:
        self.down()

    # --- use ------------------------------------------------------------------------------------

    def ssh_argv(self, user: str = "root") -> list[str]:
        """The machine's own ssh, strict about the host key and without anybody's configuration."""
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
        """``command`` (a shell line or an argv) on the host, through its sshd; seconds to wait."""
        line = command if isinstance(command, str) else shlex.join(command)
        return self._finish([*self.ssh_argv(user), line], stdin, timeout, check)

    def console(
        self, command: Command, *, stdin: str = "", timeout: float = 300, check: bool = False
    ) -> Completed:
        """``command`` on the host itself as root, without ssh; the host must be running."""
        first = nspawn.leader(self.record)
        if first is None:
            raise LabError(f"{self.name} is switched off")
        enter = ["nsenter", f"--target={first}", "--mount", "--uts", "--ipc", "--pid", "--root"]
        argv = [*enter, "--wd", "--", *ENVIRONMENT, *_argv(command)]
        return self._finish(argv, stdin, timeout, check)

    def _finish(self, argv: list[str], stdin: str, timeout: float, check: bool) -> Completed:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode:
            words = (done.stdout + done.stderr)[-2000:]
            raise LabError(f"{self.name}: {argv[-1]!r} ended with {done.returncode}:\n{words}")
        return done

    def read(self, path: str) -> str:
        """The text of a file of the host.

        Raises:
            LabError: it cannot be read.
        """
        return self.console(["cat", "--", path], check=True).stdout

    def write(self, path: str, text: str) -> None:
        """Replace the content of a file of the host in place; mode and owner stay."""
        self.console(["sh", "-c", 'cat > "$1"', "sh", path], stdin=text, check=True)

    def listing(
        self, paths: Sequence[str] = PLACES, ignore: Sequence[str] = ()
    ) -> dict[str, Entry]:
        """Every file below ``paths``, hashed; see :func:`tests.lab.listing.listing`."""
        return listing(self.filesystem, paths, ignore)

    def stamps(self, paths: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Inode and time of change of each file; see :func:`tests.lab.listing.stamps`."""
        return stamps(self.filesystem, paths)


if __name__ == "__main__":
    from tests.lab.cli import main

    sys.exit(main(sys.argv[1:]))
