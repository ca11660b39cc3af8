"""Check which certificates of host keys are trusted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest

from provision.ssh.connection import Access
from provision.ssh.host_keys import read_certificate
from tests.unit.ssh.host_keys import Sign, get_refusal, meet

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
    assert get_refusal(access, shown, "elsewhere").unknown


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
    error = get_refusal(access, signed("ca", "ed25519", *options))
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
        error = get_refusal(access, shown)
        assert error.unknown
        assert f"no certificate of the CA in {access.known_hosts}:1" in error.message


def test_a_certificate_of_a_revoked_ca_is_refused(
    knowing: Callable[..., Access], line: Callable[[str], str], signed: Sign
) -> None:
    access = knowing(
        f"{TRUSTED} {line('ca')}", f"@revoked * {line('ca')}", f"[bh1]:2222 {line('ed25519')}"
    )
    error = get_refusal(access, signed("ca", "ed25519", "-h", "-n", "bh1"))
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
        assert "signature is wrong" in get_refusal(access, shown).message


def test_no_altered_certificate_is_trusted(
    knowing: Callable[..., Access], line: Callable[[str], str], signed: Sign
) -> None:
    access = knowing(f"{TRUSTED} {line('ca')}")
    shown = signed("ca", "ed25519", "-h", "-n", "bh1")
    assert shown.public_blob is not None
    blob = shown.public_blob.key_blob
    for at in range(len(blob)):
        shown.public_blob.key_blob = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]
        get_refusal(access, shown)
    for end in range(len(blob)):
        shown.public_blob.key_blob = blob[:end]
        get_refusal(access, shown)
    shown.public_blob.key_blob = blob + b"\0\0\0\0"
    get_refusal(access, shown)
