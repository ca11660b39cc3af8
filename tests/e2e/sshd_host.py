"""A Debian host that runs a real sshd with PAM for each configuration, and keys as operators make them."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from provision.ssh.login import Login
from tests.lab.debian import DebianHost
from tests.lab.nspawn import wait_until

# The users of the host, and the command that changes the account of each.
USERS = {
    "expired": "chage -d 0 expired",
    "closed": "chage -E 0 closed",
    "locked": "passwd -q -l locked",
    "joe": "true",
}
PASSWORD = "the-password-of-all"


class Sshd:
    """An sshd of the host, with ``lines`` before the common ones in its configuration."""

    def __init__(self, host: DebianHost, port: int, lines: str) -> None:
        self._host = host
        self.port = port
        self._log = f"/root/sshd-{port}.log"
        config = f"/root/sshd-{port}.conf"
        common = "UsePAM yes\nUseDNS no\nLogLevel VERBOSE\nKbdInteractiveAuthentication no\n"
        text = f"Port {port}\nListenAddress {host.address}\nPidFile none\n{lines}\n{common}"
        host.write(config, text)
        host.console(["/usr/sbin/sshd", "-f", config, "-E", self._log], check=True)
        assert wait_until(lambda: "Server listening" in host.read(self._log), 20)

    def refused(self) -> int:
        """Return the number of refused attempts; sshd logs each before it answers."""
        log = self.log
        return sum(
            log.count(message) for message in ("Failed p", "PAM: Authentication failure for")
        )

    @property
    def log(self) -> str:
        return self._host.read(self._log)


class SshdHost:
    """The host with its users, and logins to it."""

    def __init__(self, host: DebianHost) -> None:
        self.host = host
        self._ports = itertools.count(2300)
        for user, change in USERS.items():
            host.console(f"useradd -m -s /bin/sh {user}", check=True)
            host.console(["chpasswd"], stdin=f"{user}:{PASSWORD}\n", check=True)
            host.console(change, check=True)

    def sshd(self, lines: str = "") -> Sshd:
        """Start an sshd with ``lines`` in its configuration."""
        return Sshd(self.host, next(self._ports), lines)

    def login(self, sshd: Sshd, user: str = "joe", **more: Any) -> Login:
        return Login("bh1", self.host.address, user, sshd.port, **more)

    def authorize(self, *keys: Path, user: str = "joe") -> None:
        """Let a user log in with these keys."""
        lines = "".join(Path(f"{key}.pub").read_text() for key in keys)
        folder = f"/home/{user}/.ssh"
        self.host.console(f"install -d -m 700 -o {user} -g {user} {folder}", check=True)
        file = f"{folder}/authorized_keys"
        self.host.console(f"install -m 600 -o {user} /dev/stdin {file}", stdin=lines)


def generate(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """Make a key with ssh-keygen."""
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path)]
    subprocess.run(argv, check=True)
    return path


def lock(key: Path) -> None:
    """Give a key a passphrase."""
    argv = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "its passphrase", "-f", str(key)]
    subprocess.run(argv, check=True)


@contextlib.contextmanager
def agent(folder: Path, *keys: Path) -> Iterator[None]:
    """Run an ssh-agent that holds ``keys``."""
    program = shutil.which("ssh-agent") or "ssh-agent"
    running = subprocess.Popen([program, "-D", "-a", str(folder / "agent")], stdout=subprocess.PIPE)
    assert running.stdout
    running.stdout.readline()
    os.environ["SSH_AUTH_SOCK"] = str(folder / "agent")
    try:
        subprocess.run(["ssh-add", "-q", *map(str, keys)], check=True)
        yield
    finally:
        del os.environ["SSH_AUTH_SOCK"]
        running.send_signal(signal.SIGTERM)
        running.wait(10)
