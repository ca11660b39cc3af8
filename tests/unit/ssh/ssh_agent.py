"""A real ssh-agent."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import paramiko


class Agent:
    """A real ssh-agent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = folder / "agent"
        self._process = subprocess.Popen(
            [shutil.which("ssh-agent") or "ssh-agent", "-D", "-a", str(self.socket)],
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout
        self._process.stdout.readline()  # it listens

    def add(self, path: str | Path) -> None:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(self.socket)}
        subprocess.run(["ssh-add", "-q", str(path)], env=environment, check=True)

    def hold(self, key: paramiko.PKey, name: str = "key-of-agent") -> None:
        path = self._folder / name
        key.write_private_key_file(str(path))
        self.add(path)
        path.unlink()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def empty(self) -> None:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(self.socket)}
        subprocess.run(["ssh-add", "-q", "-D"], env=environment, check=True)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)
