"""Only trusted host keys are accepted, and the errors about others have a remedy."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.errors import UnknownKey, Unreachable
from provision.fortios.session.fortigate import FortiGateSession
from provision.ssh.connection import Access, connect
from provision.ssh.host_keys import format_fingerprint
from provision.ssh.login import Login
from tests.simulator.server import host_key
from tests.unit.ssh.ssh_server import HOST_KEY, Rules, ssh_server

KEY = host_key("")


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(tmp_path / "known_hosts", accept_new=False)


@pytest.fixture
def server() -> Iterator[int]:
    with ssh_server(Rules()) as (port, _):
        yield port


def _login(port: int) -> Login:
    return Login("bh1", "127.0.0.1", "joe", port, password="right-password")


def test_an_unknown_key_of_a_server_is_refused_with_its_fingerprint(
    server: int, access: Access
) -> None:
    with pytest.raises(UnknownKey) as caught:
        connect(_login(server), access)
    assert caught.value.message.startswith(f"bh1 (joe@127.0.0.1:{server}): ")
    assert format_fingerprint(HOST_KEY.asbytes()) in caught.value.message
    assert "--accept-new-host-keys" in caught.value.remedy


def test_both_fingerprints_of_a_changed_key_are_shown(server: int, access: Access) -> None:
    line = f"[127.0.0.1]:{server} {KEY.get_name()} {KEY.get_base64()}\n"
    access.known_hosts.write_text(line)
    with pytest.raises(Unreachable, match="has CHANGED") as caught:
        connect(_login(server), access)
    assert format_fingerprint(KEY.asbytes()) in caught.value.message
    assert format_fingerprint(HOST_KEY.asbytes()) in caught.value.message
    assert "ssh-keygen -R" in caught.value.remedy


def test_a_packet_is_sent_at_once_though_the_last_one_is_not_acknowledged(
    server: int, tmp_path: Path
) -> None:
    """Otherwise each exec waits 40 ms, for which a server may delay what it acknowledges."""
    connection = connect(_login(server), Access(tmp_path / "known_hosts", accept_new=True))
    wire: Any = connection.get_transport().sock
    assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    connection.close()


def test_known_hosts_that_cannot_be_added_to_are_named(server: int, tmp_path: Path) -> None:
    access = Access(tmp_path / "file" / "known_hosts", accept_new=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable, match=str(tmp_path)) as caught:
        connect(_login(server), access)
    assert "writable" in caught.value.remedy


def test_known_hosts_that_cannot_be_read_are_named(server: int, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=str(tmp_path)) as caught:
        connect(_login(server), Access(tmp_path, accept_new=True))
    assert "readable" in caught.value.remedy


def test_the_host_key_of_a_fortigate_is_checked_in_the_same_way(
    server: int, access: Access
) -> None:
    access.known_hosts.write_text(f"[127.0.0.1]:{server} {KEY.get_name()} {KEY.get_base64()}\n")
    with pytest.raises(Unreachable, match="has CHANGED"), FortiGateSession(_login(server), access):
        pass
    revoked = f"@revoked * {HOST_KEY.get_name()} {HOST_KEY.get_base64()}\n"
    access.known_hosts.write_text(revoked)
    with (
        pytest.raises(Unreachable, match="is revoked by"),
        FortiGateSession(_login(server), access),
    ):
        pass
