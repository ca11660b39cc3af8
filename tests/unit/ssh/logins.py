"""Keys, and logins that must succeed or fail."""

from __future__ import annotations

from pathlib import Path

import paramiko
import pytest

from provision.errors import Unreachable
from provision.ssh.connection import Access, connect
from provision.ssh.login import Login
from tests.unit.ssh.ssh_server import Rules, Seen, ssh_server

RIGHT = "right-password"
RSA = paramiko.RSAKey.generate(2048)
ECDSA = paramiko.ECDSAKey.generate()


def save_key(key: paramiko.PKey, path: Path, passphrase: str | None = None) -> str:
    key.write_private_key_file(str(path), password=passphrase)
    return str(path)


def log_in(rules: Rules, access: Access, **login: object) -> Seen:
    """Log in, which must succeed."""
    with ssh_server(rules) as (port, seen):
        connect(Login("bh1", "127.0.0.1", "joe", port, **login), access).close()  # type: ignore[arg-type]
    return seen


def get_refusal(rules: Rules, access: Access, **login: object) -> tuple[Unreachable, Seen]:
    """Log in, which must fail."""
    with ssh_server(rules) as (port, seen), pytest.raises(Unreachable) as caught:
        connect(Login("bh1", "127.0.0.1", "joe", port, **login), access)  # type: ignore[arg-type]
    return caught.value, seen


def list_methods(seen: Seen) -> list[str]:
    return [method for method, _ in seen.attempts]
