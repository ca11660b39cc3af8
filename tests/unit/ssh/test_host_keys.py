"""Host keys are trusted, requested and refused as by OpenSSH, with errors that have a remedy."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import paramiko
import pytest
from paramiko.pkey import PublicBlob

from provision.errors import UnknownKey
from provision.ssh.connection import Access
from provision.ssh.host_keys import HostKeyRefused, format_fingerprint, read_certificate

KINDS = ("ed25519", "rsa", "ecdsa", "ca", "other-rsa", "other-ca")
HOST, PORT = "bh1", 2222
Sign = Callable[..., paramiko.PKey]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key files as ssh-keygen makes them."""
    made = tmp_path_factory.mktemp("keys")
    for kind in KINDS:
        argv = [
            "ssh-keygen",
            "-q",
            "-t",
            kind.removeprefix("other-").replace("ca", "ed25519"),
            "-N",
            "",
        ]
        subprocess.run([*argv, "-C", kind, "-f", str(made / kind)], check=True)
    return made


@pytest.fixture
def line(folder: Path) -> Callable[[str], str]:
    """Give type and key, as a line of known_hosts has them."""
    return lambda kind: " ".join((folder / f"{kind}.pub").read_text().split()[:2])


@pytest.fixture
def key(folder: Path) -> Callable[[str], paramiko.PKey]:
    """Give a public key, as a transport has it after the key exchange."""
    return lambda kind: as_shown(folder / f"{kind}.pub")


@pytest.fixture
def signed(folder: Path) -> Sign:
    """Give a key with a certificate that ssh-keygen makes with the given options."""

    def signed_by(ca: str, kind: str, *options: str) -> paramiko.PKey:
        argv = ["ssh-keygen", "-q", "-s", str(folder / ca), "-I", "id", *options]
        subprocess.run([*argv, str(folder / f"{kind}.pub")], check=True)
        return as_shown(folder / f"{kind}-cert.pub")

    return signed_by


def as_shown(file: Path) -> paramiko.PKey:
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


def refusal(
    access: Access, key: paramiko.PKey, host: str = HOST, port: int = PORT
) -> HostKeyRefused:
    with pytest.raises(HostKeyRefused) as error:
        meet(access, key, host, port)
    return error.value


@pytest.fixture
def knowing(tmp_path: Path) -> Callable[..., Access]:
    """Make an access whose known_hosts file has the given lines."""

    def access(*lines: str, accept_new: bool = False) -> Access:
        file = tmp_path / "known_hosts"
        file.write_text("".join(f"{each}\n" for each in lines))
        return Access(file, accept_new)

    return access


# --- which key is asked for --------------------------------------------------------------------------------


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


# --- keys --------------------------------------------------------------------------------------------------


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
    error = refusal(access, key("other-rsa"))
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
    remedy = refusal(access, key("other-rsa")).remedy
    command = remedy.partition("run: ")[2].partition(";")[0]
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert refusal(access, key("other-rsa")).unknown


def test_a_changed_key_with_a_pattern_must_be_removed_by_hand(
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    key: Callable[[str], paramiko.PKey],
) -> None:
    access = knowing(f"[bh*]:2222 {line('rsa')}")
    assert f"remove line 1 of {access.known_hosts}" in refusal(access, key("other-rsa")).remedy


def test_a_key_of_another_type_than_the_known_one_is_not_called_changed(
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    key: Callable[[str], paramiko.PKey],
) -> None:
    access = knowing(f"[bh1]:2222 {line('rsa')}", accept_new=True)
    error = refusal(access, key("ecdsa"))
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
    assert refusal(access, key("ed25519")).unknown
    assert not refusal(access, key("ed25519"), port=22).unknown


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_a_key_for_the_plain_name_is_refused_at_a_port_that_has_a_key_of_its_own(
    kind: str,
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    key: Callable[[str], paramiko.PKey],
) -> None:
    access = knowing(f"[bh1]:2222 {line(kind)}", f"bh1 {line('other-rsa')}", accept_new=True)
    error = refusal(access, key("other-rsa"))
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
    error = refusal(access, key("rsa"))
    assert f"is revoked by {access.known_hosts}:{len(lines)}" in error.message
    assert len(access.known_hosts.read_text().splitlines()) == len(lines)


def test_a_known_key_in_openssh_s_own_file_is_trusted(
    tmp_path: Path, line: Callable[[str], str], key: Callable[[str], paramiko.PKey]
) -> None:
    other = tmp_path / "ssh_known_hosts"
    other.write_text(f"[bh1]:2222 {line('rsa')}\n")
    access = Access(tmp_path / "known_hosts", accept_new=True, also=[tmp_path / "missing", other])
    meet(access, key("rsa"))
    assert f"{other}:1" in refusal(access, key("other-rsa")).message
    assert not access.known_hosts.exists()


# --- new keys ----------------------------------------------------------------------------------------------


def test_an_unknown_key_is_refused_and_nothing_is_written(
    tmp_path: Path, key: Callable[[str], paramiko.PKey]
) -> None:
    access = Access(tmp_path / "known_hosts", accept_new=False)
    error = refusal(access, key("rsa"))
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


# --- certificates ------------------------------------------------------------------------------------------

TRUSTED = "@cert-authority bh1,*.example.org"


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_certificate_of_a_trusted_ca_is_trusted(
    kind: str, knowing: Callable[..., Access], line: Callable[[str], str], signed: Sign
) -> None:
    access = knowing(f"{TRUSTED} {line('ca')}", accept_new=True)
    meet(access, signed("ca", kind, "-h", "-n", "other,bh1"))
    assert len(access.known_hosts.read_text().splitlines()) == 1


def test_a_certificate_without_names_is_for_every_host(
    knowing: Callable[..., Access], line: Callable[[str], str], signed: Sign
) -> None:
    access = knowing(f"{TRUSTED} {line('ca')}")
    shown = signed("ca", "ed25519", "-h")
    meet(access, shown)
    assert refusal(access, shown, "elsewhere").unknown


INVALID = {
    "of another host": (("-h", "-n", "bh2"), "not for bh1"),
    "that has expired": (("-h", "-n", "bh1", "-V", "20200101:20200102"), "expired on 2020-01-0"),
    "of tomorrow": (("-h", "-n", "bh1", "-V", "20900101:20900102"), "not valid before 20"),
    "of a user": (("-n", "bh1"), "not a certificate for a host"),
}


@pytest.mark.parametrize(("options", "why"), INVALID.values(), ids=INVALID)
def test_a_certificate_that_is_not_valid_is_refused_even_if_new_keys_are_accepted(
    options: tuple[str, ...],
    why: str,
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    signed: Sign,
) -> None:
    access = knowing(f"{TRUSTED} {line('ca')}", accept_new=True)
    error = refusal(access, signed("ca", "ed25519", *options))
    assert why in error.message
    assert not error.unknown


def test_the_key_of_an_invalid_certificate_still_counts(
    knowing: Callable[..., Access], line: Callable[[str], str], signed: Sign
) -> None:
    access = knowing(f"{TRUSTED} {line('ca')}", f"[bh1]:2222 {line('ed25519')}")
    meet(access, signed("ca", "ed25519", "-h", "-n", "bh2"))


def test_a_certificate_of_another_ca_and_a_key_without_one_are_unknown(
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    key: Callable[[str], paramiko.PKey],
    signed: Sign,
) -> None:
    access = knowing(f"{TRUSTED} {line('ca')}")
    for shown in (signed("other-ca", "ed25519", "-h", "-n", "bh1"), key("rsa")):
        error = refusal(access, shown)
        assert error.unknown
        assert f"no certificate of the CA in {access.known_hosts}:1" in error.message


def test_a_certificate_of_a_revoked_ca_is_refused(
    knowing: Callable[..., Access], line: Callable[[str], str], signed: Sign
) -> None:
    access = knowing(
        f"{TRUSTED} {line('ca')}", f"@revoked * {line('ca')}", f"[bh1]:2222 {line('ed25519')}"
    )
    error = refusal(access, signed("ca", "ed25519", "-h", "-n", "bh1"))
    assert "the CA SHA256:" in error.message
    assert "is revoked by" in error.message


@pytest.mark.parametrize(
    ("algorithm", "believed"),
    [("rsa-sha2-512", True), ("ssh-rsa", False), ("ssh-rsa-cert-v01@openssh.com", False)],
)
def test_no_signature_of_a_ca_with_sha1_is_trusted(
    algorithm: str,
    believed: bool,
    folder: Path,
    knowing: Callable[..., Access],
    line: Callable[[str], str],
    signed: Sign,
) -> None:
    shown = signed("rsa", "ed25519", "-h", "-n", "bh1")
    assert shown.public_blob is not None
    blob = shown.public_blob.key_blob
    signature = read_certificate(blob).signature
    body = blob[: -len(signature) - 4]
    authority = paramiko.RSAKey.from_private_key_file(str(folder / "rsa"))
    made = authority.sign_ssh_data(body, algorithm)
    made.rewind()
    made.get_string()
    message = paramiko.Message()
    message.add_string(algorithm)
    message.add_string(made.get_string())
    whole = paramiko.Message()
    whole.add_string(message.asbytes())
    shown.public_blob.key_blob = body + whole.asbytes()
    access = knowing(f"{TRUSTED} {line('rsa')}")
    if believed:
        meet(access, shown)
    else:
        assert "signature is wrong" in refusal(access, shown).message


def test_no_altered_certificate_is_trusted(
    knowing: Callable[..., Access], line: Callable[[str], str], signed: Sign
) -> None:
    access = knowing(f"{TRUSTED} {line('ca')}")
    shown = signed("ca", "ed25519", "-h", "-n", "bh1")
    assert shown.public_blob is not None
    blob = shown.public_blob.key_blob
    for at in range(len(blob)):
        shown.public_blob.key_blob = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]
        refusal(access, shown)
    for end in range(len(blob)):
        shown.public_blob.key_blob = blob[:end]
        refusal(access, shown)
    shown.public_blob.key_blob = blob + b"\0\0\0\0"
    refusal(access, shown)
