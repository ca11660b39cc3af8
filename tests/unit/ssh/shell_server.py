"""A real SSH server on loopback that runs each command by a shell of this machine, as sshd does.

No root, no sshd and no sudo is needed: a test puts programs of its own before all others.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import paramiko

from tests.simulator.server import LOG, host_key


class _Server(paramiko.ServerInterface):
    def __init__(self, host: ShellServer) -> None:
        self._host = host

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if self._host.busy:
            self._host.busy -= 1
            return paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        if self._host.full:
            return paramiko.common.OPEN_FAILED_CONNECT_FAILED
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if self._host.refuses:
            return False
        self._host.commands.append(command.decode())
        threading.Thread(
            target=self._host.run, args=(channel, command.decode()), daemon=True
        ).start()
        return True


@dataclass
class ShellServer:
    """``shell`` runs each command; ``breaks`` lists words of its output at which the connection is cut."""

    home: Path
    shell: Sequence[str] = ("/bin/sh", "-c")
    environment: Mapping[str, str] = field(default_factory=dict)
    refuses: bool = False
    full: bool = False
    # how many of the next sessions are refused
    busy: int = 0
    breaks: bytes | None = None
    commands: list[str] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._key = host_key("")
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._open: list[Any] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._accepting.join()
        for transport in self._open:
            transport.close()

    @property
    def known_as(self) -> str:
        """The line of known_hosts."""
        return f"[127.0.0.1]:{self.port} {self._key.get_name()} {self._key.get_base64()}\n"

    def program(self, name: str, text: str) -> Path:
        """Put a program before all others of that name."""
        path = self.home / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                transport = paramiko.Transport(connection)
                transport.set_log_channel(LOG)
                transport.add_server_key(self._key)
                self._open.append(transport)
                transport.start_server(event=threading.Event(), server=_Server(self))

    def run(self, channel: paramiko.Channel, command: str) -> None:
        """Run one command; its process group is gone afterwards."""
        # its answer comes behind that to the exec request, which a quick command must not overtake
        channel.get_transport().global_request("keepalive@openssh.com", wait=True)
        path = f"{self.home / 'bin'}:/usr/bin:/bin"
        process = subprocess.Popen(
            [*self.shell, command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.home,
            env={"PATH": path, "HOME": str(self.home), **self.environment},
            start_new_session=True,
        )
        send = (channel.sendall, channel.sendall_stderr)
        pumps = [
            threading.Thread(target=self._pump, args=(source, each, channel), daemon=True)
            for source, each in zip((process.stdout, process.stderr), send, strict=True)
        ]
        feeding = threading.Thread(target=self._feed, args=(channel, process.stdin), daemon=True)
        ending = threading.Thread(target=self._end, args=(channel, pumps), daemon=True)
        for thread in (*pumps, feeding, ending):
            thread.start()
        status = process.wait()
        with contextlib.suppress(OSError, EOFError):
            if status >= 0:
                channel.send_exit_status(status)
            while any(pump.is_alive() for pump in pumps) and not channel.closed:
                pumps[0].join(0.02)
                pumps[1].join(0.02)
            channel.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for thread in (*pumps, feeding, ending):
            thread.join()

    def _end(self, channel: paramiko.Channel, pumps: Sequence[threading.Thread]) -> None:
        for pump in pumps:
            pump.join()
        with contextlib.suppress(OSError, EOFError):
            channel.shutdown_write()

    def _pump(self, source: Any, send: Any, channel: paramiko.Channel) -> None:
        with source, contextlib.suppress(OSError, EOFError):
            while chunk := source.read1(65536):
                send(chunk)
                if self.breaks is not None and self.breaks in chunk:
                    channel.get_transport().close()

    def _feed(self, channel: paramiko.Channel, target: Any) -> None:
        with contextlib.suppress(OSError, EOFError), target:
            while chunk := channel.recv(65536):
                self.received.append(chunk)
                target.write(chunk)
                target.flush()
