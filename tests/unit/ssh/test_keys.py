"""Key files of every kind are read as by OpenSSH, or refused with a remedy."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from provision.ssh import causes
from provision.ssh.connection import Access, connect
from provision.ssh.keys import read_key
from provision.ssh.login import Login
from tests.unit.ssh.ssh_server import Rules, ssh_server

KINDS = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}
FORMS = {
    "openssh": serialization.PrivateFormat.OpenSSH,
    "pem": serialization.PrivateFormat.TraditionalOpenSSL,
    "pkcs8": serialization.PrivateFormat.PKCS8,
}


def text_of(key: object, form: str = "openssh", passphrase: str = "") -> bytes:
    hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        hidden = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.PEM,
        FORMS[form],
        hidden,
    )


def keygen(*arguments: str | Path) -> None:
    subprocess.run(["ssh-keygen", "-q", *arguments], check=True, stdout=subprocess.DEVNULL)


def fingerprint(path: Path) -> str:
    """What ssh-keygen says of the key."""
    told = subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True)
    return told.stdout.split()[1]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_each_kind_and_form_signs(kind: str, form: str, tmp_path: Path) -> None:
    if (kind, form) == ("ed25519", "pem"):
        form = "pkcs8"  # there is no older form of it
    path, same = tmp_path / "id", tmp_path / "id_openssh"
    path.write_bytes(text_of(KINDS[kind], form))
    same.write_bytes(text_of(KINDS[kind]))
    same.chmod(0o600)
    (key,) = read_key(str(path))
    assert key.signer.fingerprint == fingerprint(same)
    signed = paramiko.Message(key.signer.sign_ssh_data(b"data").asbytes())
    assert paramiko.PKey.from_type_string(key.type, key.blob).verify_ssh_sig(b"data", signed)


@pytest.mark.parametrize(
    "around",
    [
        (b"\xef\xbb\xbf", b""),
        (b"\r\n", b"\n\n\n"),
        (b"# copied from the vault\n", b""),
    ],
    ids=["byte order mark", "blank lines", "a comment"],
)
def test_text_that_editors_add_around_a_key_is_ignored(
    around: tuple[bytes, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "id"
    path.write_bytes(around[0] + text_of(KINDS["ed25519"]).replace(b"\n", b"\r\n") + around[1])
    assert read_key(str(path))[0].type == "ssh-ed25519"


def test_a_key_in_the_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "id").write_bytes(text_of(KINDS["ed25519"]))
    assert str(tmp_path / "id") in str(read_key("~/id")[0])


PUTTY = b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n"
PUBLIC = (
    b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHpDCpSb9HnjwTTqKoYyqpcJjvMJ1lKFbcDEVUvo2AZi joe@laptop\n"
)
DSA = dsa.generate_private_key(1024)

REFUSED: dict[str, tuple[bytes, type[causes.UnusableKey], str, str]] = {
    "a PuTTY key": (PUTTY, causes.UnusableKey, "is a PuTTY key", "convert it with puttygen"),
    "a public key": (PUBLIC, causes.UnusableKey, "is a public key", "name the private one"),
    "a public key of another program": (
        b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n",
        causes.UnusableKey,
        "is a public key",
        "name the private one",
    ),
    "a public PEM": (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        causes.UnusableKey,
        "is a public key",
        "name the private one",
    ),
    "a certificate of TLS": (
        b"-----BEGIN CERTIFICATE-----\nMIIB\n",
        causes.UnusableKey,
        "is a TLS certificate",
        "ansible_ssh_private_key_file",
    ),
    "a passphrase": (
        text_of(KINDS["ed25519"], passphrase="secret word"),
        causes.PassphraseNeeded,
        "has a passphrase",
        "load it into ssh-agent (ssh-add ",
    ),
    "a passphrase, PEM": (
        text_of(KINDS["rsa"], "pem", "secret word"),
        causes.PassphraseNeeded,
        "has a passphrase",
        "ssh-agent",
    ),
    "a passphrase, PKCS#8": (
        text_of(KINDS["p256"], "pkcs8", "secret word"),
        causes.PassphraseNeeded,
        "has a passphrase",
        "ssh-agent",
    ),
    "DSA": (text_of(DSA, "pem"), causes.UnusableKey, "is a DSA key", "ssh-keygen -t ed25519"),
    "DSA, PKCS#8": (text_of(DSA, "pkcs8"), causes.UnusableKey, "a kind that SSH", "ed25519"),
    "another curve": (
        text_of(ec.generate_private_key(ec.SECP256K1()), "pkcs8"),
        causes.UnusableKey,
        "no private key that can be read",
        "ed25519",
    ),
    "another algorithm": (
        text_of(ed448.Ed448PrivateKey.generate(), "pkcs8"),
        causes.UnusableKey,
        "a kind that SSH does not use",
        "ed25519",
    ),
    "an empty file": (b"\n \n", causes.UnusableKey, "is empty", "ansible_ssh_private_key_file"),
    "garbage": (
        b"\x00\xff" * 50,
        causes.UnusableKey,
        "no private key that can be read",
        "to another key",
    ),
    "half a key": (
        text_of(KINDS["rsa"])[:900],
        causes.UnusableKey,
        "no private key that can be read",
        "to another key",
    ),
    "a damaged key": (
        text_of(KINDS["ed25519"]).replace(b"A", b"B"),
        causes.UnusableKey,
        "no private key that can be read",
        "to another key",
    ),
    "SSH 1": (
        b"SSH PRIVATE KEY FILE FORMAT 1.1\n\0",
        causes.UnusableKey,
        "has a form that OpenSSH does not read",
        "to another key",
    ),
    "a long file": (b"x" * 300_000, causes.UnusableKey, "too long", "to another key"),
}


@pytest.fixture(autouse=True)
def without_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def refused(path: Path) -> causes.UnusableKey:
    """Log in with the key at ``path``; nothing is contacted before the key has been read."""
    access = Access(path.parent / "known_hosts", accept_new=True)
    with pytest.raises(causes.UnusableKey) as caught:
        connect(Login("bh1", "127.0.0.1", "joe", 1, private_key_file=str(path)), access)
    assert caught.value.message.startswith(f"bh1 (joe@127.0.0.1:1): {path} ")
    return caught.value


@pytest.mark.parametrize(("data", "cause", "says", "remedy"), REFUSED.values(), ids=REFUSED)
def test_the_error_names_the_kind_of_an_unusable_file(
    data: bytes, cause: type[causes.UnusableKey], says: str, remedy: str, tmp_path: Path
) -> None:
    path = tmp_path / "id"
    path.write_bytes(data)
    error = refused(path)
    assert type(error) is cause
    assert says in error.message
    assert remedy in error.remedy


def test_the_public_half_is_named_with_its_private_one(tmp_path: Path) -> None:
    path = tmp_path / "id_rsa.pub"
    path.write_bytes(PUBLIC)
    assert refused(path).remedy == f"name the private one: {tmp_path / 'id_rsa'}"


def test_a_key_on_a_token_needs_the_agent(tmp_path: Path) -> None:
    kind = b"sk-ssh-ed25519@openssh.com"
    body = paramiko.Message()
    body.add_bytes(b"openssh-key-v1\0")
    public = paramiko.Message()
    public.add_string(kind)
    for each in (b"none", b"none", b""):
        body.add_string(each)
    body.add_int(1)
    body.add_string(public.asbytes())
    path = tmp_path / "id_sk"
    head, foot = (f"-----{each} OPENSSH PRIVATE KEY-----" for each in ("BEGIN", "END"))
    path.write_text(f"{head}\n{b64encode(body.asbytes()).decode()}\n{foot}\n")
    error = refused(path)
    assert "is on a FIDO token" in error.message
    assert "ssh-agent" in error.remedy


def test_a_missing_file_or_a_folder_is_named(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "gone").message
    assert "Is a directory" in refused(tmp_path).message


def test_a_password_is_tried_after_an_unusable_key(tmp_path: Path) -> None:
    path = tmp_path / "id"
    path.write_bytes(PUTTY)
    access = Access(tmp_path / "known_hosts", accept_new=True)
    with ssh_server(Rules()) as (port, seen):
        login = Login("bh1", "127.0.0.1", "joe", port, "right-password", str(path))
        connect(login, access).close()
        assert seen.attempts == [("password", "right-password")]
        login = Login("bh1", "127.0.0.1", "joe", port, "wrong-for-putty", str(path))
        with pytest.raises(causes.PasswordRefused, match="is a PuTTY key"):
            connect(login, access)


# --- certificates ----------------------------------------------------------------------------------


def test_a_certificate_beside_the_key_is_offered_first(tmp_path: Path) -> None:
    keygen("-t", "ed25519", "-N", "", "-f", tmp_path / "ca")
    for kind in ("rsa", "ecdsa", "ed25519"):
        path = tmp_path / f"id_{kind}"
        keygen("-t", kind, "-N", "", "-f", path)
        keygen("-s", tmp_path / "ca", "-I", "joe", "-n", "joe", f"{path}.pub")
        first, second = read_key(str(path))
        assert first.type.endswith("-cert-v01@openssh.com")
        assert "certificate" in str(first)
        assert second.signer.fingerprint == fingerprint(path)


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "id"
    path.write_bytes(text_of(KINDS["ed25519"]))
    for data in ("", "no certificate\n", "ssh-rsa-cert-v01@openssh.com AAAA\n"):
        Path(f"{path}-cert.pub").write_text(data)
        with pytest.raises(causes.UnusableKey, match=r"id-cert\.pub is not a certificate of id"):
            read_key(str(path))
