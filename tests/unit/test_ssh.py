"""Whose host keys are believed, and what an operator reads about the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from provision.errors import UnknownKey, Unreachable
from provision.ssh import connect as ssh
from provision.ssh.connect import HostKeyPolicy, UnknownHostKey
from provision.ssh.login import Login
from tests.unit.ssh_server import HOST_KEY, Rules, ssh_server

KEY = paramiko.ECDSAKey.generate()
OTHER_KEY = paramiko.ECDSAKey.generate()


@pytest.fixture
def policy(tmp_path: Path) -> HostKeyPolicy:
    return HostKeyPolicy(tmp_path / "known_hosts", accept_new=False)


# --- host keys -------------------------------------------------------------------------------------


def meet(policy: HostKeyPolicy, name: str, key: paramiko.PKey = KEY) -> None:
    policy.missing_host_key(paramiko.SSHClient(), name, key)


def test_an_unknown_key_is_refused_and_nothing_is_written(policy: HostKeyPolicy) -> None:
    with pytest.raises(UnknownHostKey):
        meet(policy, "bh1")
    assert not policy.known_hosts.exists()


def test_a_new_key_is_kept_for_next_time_when_asked_for(tmp_path: Path) -> None:
    policy = HostKeyPolicy(tmp_path / "beside" / "known_hosts", accept_new=True)
    meet(policy, "bh1")
    meet(policy, "[bh2]:2222", OTHER_KEY)
    client = paramiko.SSHClient()
    ssh.trust(client, policy)
    assert client.get_host_keys().check("bh1", KEY)
    assert client.get_host_keys().check("[bh2]:2222", OTHER_KEY)


def test_a_new_key_is_told_with_its_fingerprint_so_that_somebody_can_compare_it(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    meet(HostKeyPolicy(tmp_path / "known_hosts", True, told.append), "[bh2]:2222")
    assert len(told) == 1
    assert "[bh2]:2222" in told[0]
    assert ssh.fingerprint(KEY) in told[0]


def test_a_new_key_gets_a_line_of_its_own_in_a_file_edited_by_hand(tmp_path: Path) -> None:
    policy = HostKeyPolicy(tmp_path / "known_hosts", accept_new=True)
    policy.known_hosts.write_text(f"old {OTHER_KEY.get_name()} {OTHER_KEY.get_base64()}")
    meet(policy, "bh1")
    client = paramiko.SSHClient()
    ssh.trust(client, policy)
    assert client.get_host_keys().check("old", OTHER_KEY)
    assert client.get_host_keys().check("bh1", KEY)


@pytest.mark.parametrize(
    "content",
    [b"bh1 ssh-ed25519 not-base64!\n", b"\xff\xfe\x00", None],
    ids=["garbled", "binary", "a folder"],
)
def test_known_hosts_that_cannot_be_read_are_named(
    content: bytes | None, policy: HostKeyPolicy
) -> None:
    if content is None:
        policy.known_hosts.mkdir()
    else:
        policy.known_hosts.write_bytes(content)
    with pytest.raises(Unreachable) as error:
        ssh.connect(Login("bh1", "127.0.0.1", "root", 1), policy)
    assert str(policy.known_hosts) in str(error.value)
    assert error.value.remedy


@pytest.fixture
def server() -> Iterator[int]:
    with ssh_server(Rules()) as (port, _):
        yield port


def _login(port: int) -> Login:
    return Login("bh1", "127.0.0.1", "joe", port, password="right-password")


def test_an_unknown_key_of_a_server_is_refused_with_its_fingerprint(
    server: int, policy: HostKeyPolicy
) -> None:
    with pytest.raises(UnknownKey) as caught:
        ssh.connect(_login(server), policy)
    assert caught.value.what.startswith(f"bh1 (joe@127.0.0.1:{server}): ")
    assert ssh.fingerprint(HOST_KEY) in caught.value.what
    assert "--accept-new-host-keys" in caught.value.remedy


def test_both_fingerprints_of_a_changed_key_are_shown(server: int, policy: HostKeyPolicy) -> None:
    line = f"[127.0.0.1]:{server} {KEY.get_name()} {KEY.get_base64()}\n"
    policy.known_hosts.write_text(line)
    with pytest.raises(Unreachable, match="has CHANGED") as caught:
        ssh.connect(_login(server), policy)
    assert ssh.fingerprint(KEY) in caught.value.what
    assert ssh.fingerprint(HOST_KEY) in caught.value.what
    assert "remove its line" in caught.value.remedy


def test_known_hosts_that_cannot_be_added_to_are_named(server: int, tmp_path: Path) -> None:
    policy = HostKeyPolicy(tmp_path / "file" / "known_hosts", accept_new=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable, match=str(tmp_path)) as caught:
        ssh.connect(_login(server), policy)
    assert "writable" in caught.value.remedy
