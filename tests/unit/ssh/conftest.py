"""Fixtures for tests of logins."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from provision.ssh.connection import Access
from tests.unit.ssh.host_keys import KINDS, Sign, read_public_key
from tests.unit.ssh.ssh_agent import Agent


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a home without keys; there is no ssh-agent."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir()
    return tmp_path


@pytest.fixture
def access(home: Path) -> Access:
    """Return an access that trusts new host keys."""
    return Access(home / "known_hosts", accept_new=True)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Agent]:
    running = Agent(tmp_path)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(running.socket))
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key files as ssh-keygen makes them."""
    made = tmp_path_factory.mktemp("keys")
    for kind in KINDS:
        algorithm = kind.removeprefix("other-").replace("ca", "ed25519")
        size = ["-b", "2048"] if algorithm == "rsa" else []  # larger ones take seconds to make
        argv = ["ssh-keygen", "-q", "-t", algorithm, *size, "-N", "", "-C", kind]
        subprocess.run([*argv, "-f", str(made / kind)], check=True)
    return made


@pytest.fixture
def line(folder: Path) -> Callable[[str], str]:
    """Return a function that returns type and key, as a line of known_hosts has them."""
    return lambda kind: " ".join((folder / f"{kind}.pub").read_text().split()[:2])


@pytest.fixture
def key(folder: Path) -> Callable[[str], paramiko.PKey]:
    """Return a function that returns a public key, as a transport has it after the key exchange."""
    return lambda kind: read_public_key(folder / f"{kind}.pub")


@pytest.fixture
def signed(folder: Path) -> Sign:
    """Return a function that makes a key with a certificate, by ssh-keygen with these options."""

    def signed_by(ca: str, kind: str, *options: str) -> paramiko.PKey:
        argv = ["ssh-keygen", "-q", "-s", str(folder / ca), "-I", "id", *options]
        subprocess.run([*argv, str(folder / f"{kind}.pub")], check=True)
        return read_public_key(folder / f"{kind}-cert.pub")

    return signed_by


@pytest.fixture
def knowing(tmp_path: Path) -> Callable[..., Access]:
    """Return a function that makes an access whose known_hosts file has these lines."""

    def access(*lines: str, accept_new: bool = False) -> Access:
        file = tmp_path / "known_hosts"
        file.write_text("".join(f"{each}\n" for each in lines))
        return Access(file, accept_new)

    return access
