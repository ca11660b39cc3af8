"""Host keys are trusted, requested and refused as by OpenSSH, with errors that have a remedy."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from provision.errors import UnknownKey
from provision.ssh.connection import Access
from provision.ssh.host_keys import format_fingerprint
from tests.unit.ssh.host_keys import HOST, PORT, get_refusal, meet


@pytest.fixture
def transport() -> Iterator[paramiko.Transport]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield paramiko.Transport(ours)


@pytest.mark.parametrize(
    ("lines", "first"),
    [
        (("[bh1]:2222 rsa",), ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")),
        (("[bh1]:2222 ecdsa",), ("ecdsa-sha2-nistp256", "ssh-ed25519")),
        (("[bh1]:2222 rsa", "[bh1]:* ecdsa"), ("ecdsa-sha2-nistp256", "rsa-sha2-512")),
        (("bh1 rsa",), ("rsa-sha2-512",)),
        (("bh1 rsa", "[bh1]:2222 ecdsa"), ("ecdsa-sha2-nistp256", "ssh-ed25519")),
        (("elsewhere rsa",), ("ssh-ed25519",)),
        (("@revoked * rsa",), ("ssh-ed25519",)),
        (("@cert-authority bh1 ca",), ("ssh-ed25519-cert-v01@openssh.com",)),
    ],
)
def test_the_types_that_known_hosts_has_are_offered_first(
    lines: tuple[str, ...],
    first: tuple[str, ...],
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    transport: paramiko.Transport,
) -> None:
    before = transport.get_security_options().key_types
    access = knowing(*(f"{a} {line(b)}" for a, b in (each.rsplit(" ", 1) for each in lines)))
    access.prepare(transport, HOST, PORT)
    after = transport.get_security_options().key_types
    assert after[: len(first)] == first
    assert set(before) <= set(after)


def test_a_fast_cipher_is_offered_first_and_no_cipher_is_left_out(
    knowing: Callable[..., Access], transport: paramiko.Transport
) -> None:
    before = transport.get_security_options().ciphers
    knowing().prepare(transport, HOST, PORT)
    after = transport.get_security_options().ciphers
    assert after[:2] == ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
    assert set(before) == set(after)


def test_any_of_several_known_keys_is_trusted(
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    key: Callable[[str], paramiko.PKey],
) -> None:
    access = knowing(f"[bh1]:2222 {line('other-rsa')}", f"[bh1]:2222 {line('rsa')}")
    meet(access, key("rsa"))
    meet(access, key("other-rsa"))


def test_a_changed_key_names_its_line_both_fingerprints_and_the_command(
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    key: Callable[[str], paramiko.PKey],
) -> None:
    access = knowing("# ours", f"[bh1]:2222 {line('rsa')}", accept_new=True)
    before = access.known_hosts.read_text()
    error = get_refusal(access, key("other-rsa"))
    assert "has CHANGED" in error.message
    assert f"{access.known_hosts}:2" in error.message
    assert format_fingerprint(key("rsa").asbytes()) in error.message
    assert format_fingerprint(key("other-rsa").asbytes()) in error.message
    assert f"ssh-keygen -R '[bh1]:2222' -f {access.known_hosts}" in error.remedy
    assert access.known_hosts.read_text() == before
    assert not isinstance(error.locate("bh1"), UnknownKey)


def test_the_command_of_a_changed_key_removes_it(
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    key: Callable[[str], paramiko.PKey],
) -> None:
    access = knowing(f"[bh1]:2222 {line('rsa')}")
    subprocess.run(
        ["ssh-keygen", "-q", "-H", "-f", access.known_hosts], check=True, capture_output=True
    )
    remedy = get_refusal(access, key("other-rsa")).remedy
    command = remedy.partition("run: ")[2].partition(";")[0]
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert get_refusal(access, key("other-rsa")).unknown


def test_a_changed_key_with_a_pattern_must_be_removed_by_hand(
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    key: Callable[[str], paramiko.PKey],
) -> None:
    access = knowing(f"[bh*]:2222 {line('rsa')}")
    assert f"remove line 1 of {access.known_hosts}" in get_refusal(access, key("other-rsa")).remedy


def test_a_key_of_another_type_than_the_known_one_is_not_called_changed(
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    key: Callable[[str], paramiko.PKey],
) -> None:
    access = knowing(f"[bh1]:2222 {line('rsa')}", accept_new=True)
    error = get_refusal(access, key("ecdsa"))
    assert "another type" in error.message
    assert "CHANGED" not in error.message
    assert "offers no ssh-rsa key" in error.message
    assert f"{access.known_hosts}:1" in error.message


def test_a_key_for_the_plain_name_is_trusted_at_another_port_and_another_one_is_unknown(
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    key: Callable[[str], paramiko.PKey],
) -> None:
    access = knowing(f"bh1 {line('rsa')}")
    meet(access, key("rsa"))
    assert get_refusal(access, key("ed25519")).unknown
    assert not get_refusal(access, key("ed25519"), port=22).unknown


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_a_key_for_the_plain_name_is_refused_at_a_port_that_has_a_key_of_its_own(
    kind: str,
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    key: Callable[[str], paramiko.PKey],
) -> None:
    access = knowing(f"[bh1]:2222 {line(kind)}", f"bh1 {line('other-rsa')}", accept_new=True)
    error = get_refusal(access, key("other-rsa"))
    assert f"{access.known_hosts}:1" in error.message
    assert not error.unknown
    meet(access, key(kind))
    meet(access, key("other-rsa"), port=22)


@pytest.mark.parametrize("lines", [("[bh1]:2222 rsa", "@revoked * rsa"), ("@revoked bh1 rsa",)])
def test_a_revoked_key_is_refused_even_if_another_line_has_it(
    lines: tuple[str, ...],
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    key: Callable[[str], paramiko.PKey],
) -> None:
    spelt = [f"{a} {line(b)}" for a, b in (each.rsplit(" ", 1) for each in lines)]
    access = knowing(*spelt, accept_new=True)
    error = get_refusal(access, key("rsa"))
    assert f"is revoked by {access.known_hosts}:{len(lines)}" in error.message
    assert len(access.known_hosts.read_text().splitlines()) == len(lines)


def test_a_known_key_in_openssh_s_own_file_is_trusted(
    tmp_path: Path, line: Callable[[str], str], key: Callable[[str], paramiko.PKey]
) -> None:
    other = tmp_path / "ssh_known_hosts"
    other.write_text(f"[bh1]:2222 {line('rsa')}\n")
    access = Access(tmp_path / "known_hosts", accept_new=True, also=[tmp_path / "missing", other])
    meet(access, key("rsa"))
    assert f"{other}:1" in get_refusal(access, key("other-rsa")).message
    assert not access.known_hosts.exists()


def test_an_unknown_key_is_refused_and_nothing_is_written(
    tmp_path: Path, key: Callable[[str], paramiko.PKey]
) -> None:
    access = Access(tmp_path / "known_hosts", accept_new=False)
    error = get_refusal(access, key("rsa"))
    assert isinstance(error.locate("bh1"), UnknownKey)
    assert format_fingerprint(key("rsa").asbytes()) in error.message
    assert "--accept-new-host-keys" in error.remedy
    assert not access.known_hosts.exists()


def test_a_new_key_is_added_and_printed_if_new_keys_are_accepted(
    tmp_path: Path, key: Callable[[str], paramiko.PKey]
) -> None:
    lines: list[str] = []
    access = Access(tmp_path / "beside" / "known_hosts", True, lines.append)
    meet(access, key("rsa"))
    meet(access, key("ed25519"), "::1", 22)
    assert len(lines) == 2
    assert "[bh1]:2222" in lines[0]
    assert format_fingerprint(key("rsa").asbytes()) in lines[0]
    strict = Access(access.known_hosts, accept_new=False)
    meet(strict, key("rsa"))
    meet(strict, key("ed25519"), "::1", 22)


def test_a_new_key_gets_a_line_of_its_own_in_a_file_edited_by_hand(
    tmp_path: Path, line: Callable[[str], str], key: Callable[[str], paramiko.PKey]
) -> None:
    access = Access(tmp_path / "known_hosts", accept_new=True)
    access.known_hosts.write_text(f"old {line('ecdsa')}")
    meet(access, key("rsa"))
    meet(access, key("ecdsa"), "old", 22)
    assert len(access.known_hosts.read_text().splitlines()) == 2


def test_a_host_that_several_targets_share_is_added_once(
    tmp_path: Path, key: Callable[[str], paramiko.PKey]
) -> None:
    access = Access(tmp_path / "known_hosts", accept_new=True)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: meet(access, key("rsa")), range(8)))
    assert len(access.known_hosts.read_text().splitlines()) == 1
