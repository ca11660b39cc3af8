"""Host keys as a server shows them, and what a known_hosts file makes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import paramiko
import pytest
from paramiko.pkey import PublicBlob

from provision.ssh.connection import Access
from provision.ssh.host_keys import HostKeyRefused

KINDS = ("ed25519", "rsa", "ecdsa", "ca", "other-rsa", "other-ca")
HOST, PORT = "bh1", 2222
Sign = Callable[..., paramiko.PKey]


def read_public_key(file: Path) -> paramiko.PKey:
    blob = PublicBlob.from_file(str(file))
    kind = {"ssh-ed25519": paramiko.Ed25519Key, "ssh-rsa": paramiko.RSAKey}
    chosen = kind.get(blob.key_type.removesuffix("-cert-v01@openssh.com"), paramiko.ECDSAKey)
    shown: paramiko.PKey = chosen(paramiko.Message(blob.key_blob))
    return shown


class Shown:
    """A transport behind the key exchange, in which the server has shown ``key``."""

    def __init__(self, key: paramiko.PKey) -> None:
        self.key = key

    def get_remote_server_key(self) -> paramiko.PKey:
        return self.key


def meet(access: Access, key: paramiko.PKey, host: str = HOST, port: int = PORT) -> None:
    access.check(cast(Any, Shown(key)), host, port)


def get_refusal(
    access: Access, key: paramiko.PKey, host: str = HOST, port: int = PORT
) -> HostKeyRefused:
    with pytest.raises(HostKeyRefused) as error:
        meet(access, key, host, port)
    return error.value
