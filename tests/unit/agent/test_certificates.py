"""The agent reads in a certificate what openssl shows of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provision.linux.agent.pem import read_certificate
from provision.linux.agent.protocol.state import CertificateState

CLOSED = "permitted;email:.invalid,permitted;URI:.invalid"
SERVERS = "extendedKeyUsage=serverAuth"


def make(folder: Path, *extensions: str, days: int = 30) -> str:
    """Make a key and a certificate with these extensions in one file, and return its path."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    new = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x"
    argv = [*new.split(), "-keyout", str(key), "-out", str(certificate), "-days", str(days)]
    for extension in extensions:
        argv += ["-addext", extension]
    subprocess.run(argv, check=True, capture_output=True)
    path = folder / "both.pem"
    path.write_text(key.read_text() + certificate.read_text())
    return str(path)


def found(path: str, authority: str = "") -> CertificateState:
    state = read_certificate(path, authority)
    assert state is not None
    return state


def test_its_names_are_those_that_openssl_was_given(tmp_path: Path) -> None:
    names = "DNS:*.example.net,DNS:localhost,IP:192.0.2.10,IP:2001:db8::1,IP:::1,email:a@b.example"
    state = found(make(tmp_path, f"subjectAltName={names}"))
    assert state.names == sorted(
        ("*.example.net", "localhost", "192.0.2.10", "2001:db8::1", "::1", "a@b.example")
    )


def test_a_certificate_may_have_no_names(tmp_path: Path) -> None:
    assert found(make(tmp_path)).names == []


@pytest.mark.parametrize("days", [1, 397, 3650, 20_000, 100_000])
def test_its_end_is_that_which_openssl_shows(tmp_path: Path, days: int) -> None:
    """Beyond the year 2049 it is written in another form."""
    assert days - 0.1 < found(make(tmp_path, days=days)).days_left <= days


@pytest.mark.parametrize(
    ("constraints", "permits"),
    [
        (
            "permitted;DNS:a.example,permitted;IP:192.0.2.1/255.255.255.255",
            ["192.0.2.1", "a.example"],
        ),
        (
            "permitted;DNS:a.example,permitted;IP:2001:db8::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ["2001:db8::1", "a.example"],
        ),
        (
            "permitted;DNS:a.example,permitted;IP:192.0.2.0/255.255.255.0,permitted;email:b.example",
            ["IP:192.0.2.0/255.255.255.0", "a.example", "email:b.example"],
        ),
        ("permitted;DNS:a.example", []),
        (
            "permitted;DNS:a.example,permitted;IP:192.0.2.1/255.255.255.255,excluded;DNS:b.example",
            [],
        ),
    ],
)
def test_the_only_names_that_a_ca_may_sign_for(
    tmp_path: Path, constraints: str, permits: list[str]
) -> None:
    path = make(tmp_path, f"nameConstraints=critical,{constraints},{CLOSED}", SERVERS)
    assert found(path).permits == permits


@pytest.mark.parametrize(
    "extensions",
    [
        ("nameConstraints=NAMES", SERVERS),
        ("nameConstraints=critical,NAMES", "extendedKeyUsage=serverAuth,clientAuth"),
        ("nameConstraints=critical,NAMES",),
        (SERVERS,),
    ],
    ids=["not critical", "another purpose", "any purpose", "any name"],
)
def test_a_ca_that_may_sign_more_is_not_limited(
    tmp_path: Path, extensions: tuple[str, ...]
) -> None:
    names = f"permitted;DNS:a.example,permitted;IP:192.0.2.1/255.255.255.255,{CLOSED}"
    path = make(tmp_path, *(each.replace("NAMES", names) for each in extensions))
    assert found(path).permits == []


def encode(tag: int, *values: bytes) -> bytes:
    """Return the values one after another, as one value in DER."""
    content = b"".join(values)
    size = len(content)
    return bytes([tag, size] if size < 128 else [tag, 0x82, size >> 8, size & 255]) + content


# A list; the numbers of an email address, a host name, a URI, an address and a directory's name.
LIST, EMAIL, DNS, URI, IP, DIRECTORY = 0x30, 0x81, 0x82, 0x86, 0x87, 0xA4


def test_names_of_any_length_and_kind_can_be_answered(tmp_path: Path) -> None:
    """A certificate that somebody was given may hold what no FortiGate looks at."""
    names = encode(DNS, b"a.example"), encode(URI, b"u" * 300), encode(DIRECTORY, b"\0" * 300)
    path = make(tmp_path, f"subjectAltName=DER:{encode(LIST, *names).hex()}")
    assert found(path).names == ["4", "a.example", "u" * 255]


@pytest.mark.parametrize(
    ("host", "permits"),
    [
        (encode(DNS), ["192.0.2.1", "DNS:"]),
        (encode(DNS, b"x" * 300), ["192.0.2.1", "x" * 255]),
        (b"", None),
    ],
    ids=["any host", "a long name", "damaged"],
)
def test_odd_constraints_of_a_ca_can_be_answered(
    tmp_path: Path, host: bytes, permits: list[str] | None
) -> None:
    address = encode(IP, b"\xc0\0\2\1" + b"\xff" * 4)
    closed = encode(EMAIL, b".invalid"), encode(URI, b".invalid")
    names = (encode(LIST, each) for each in (host, address, *closed))
    constraints = encode(LIST, encode(0xA0, *names)).hex()
    path = make(tmp_path, f"nameConstraints=critical,DER:{constraints}", SERVERS)
    state = read_certificate(path, "")
    assert (state and state.permits) == permits


def test_nobody_is_asked_for_the_passphrase_of_a_key(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody could type it, and the rest of the request is what would be read in its place."""
    path = Path(make(tmp_path))
    argv = ["openssl", "pkey", "-in", str(tmp_path / "key.pem"), "-aes256", "-passout", "pass:word"]
    key = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    path.write_text(key + (tmp_path / "certificate.pem").read_text())
    assert not found(str(path)).sound
    assert capfd.readouterr().err == ""


def test_a_key_of_another_certificate_is_not_sound(tmp_path: Path) -> None:
    first = make(tmp_path)
    assert found(first).sound
    certificate = (tmp_path / "certificate.pem").read_text()
    make(tmp_path)
    (tmp_path / "mixed.pem").write_text((tmp_path / "key.pem").read_text() + certificate)
    assert not found(str(tmp_path / "mixed.pem")).sound


def test_one_that_has_expired_is_sound_if_its_ca_signed_it(tmp_path: Path) -> None:
    path = Path(make(tmp_path))
    key = tmp_path / "key.pem"
    script = f"openssl req -new -key {key} -subj /CN=x | openssl x509 -req -signkey {key} -days -1"
    made = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True)
    path.write_text(key.read_text() + made.stdout)
    assert found(str(path), str(path)).sound
    assert found(str(path)).days_left < 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n=\xff\n-----END CERTIFICATE-----\n",
    ],
)
def test_what_is_no_certificate_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.pem"
    path.write_text(text)
    assert read_certificate(str(path), "") is None


def test_a_certificate_that_was_cut_anywhere_is_none_or_read_as_before(tmp_path: Path) -> None:
    path = Path(make(tmp_path, "subjectAltName=DNS:localhost"))
    lines = (tmp_path / "certificate.pem").read_text().splitlines(keepends=True)
    for left_out in range(1, len(lines) - 1):
        path.write_text("".join(lines[:left_out] + lines[left_out + 1 :]))
        state = read_certificate(str(path), "")
        assert state is None or not state.sound


def test_a_file_that_is_not_there_holds_none(tmp_path: Path) -> None:
    assert read_certificate(str(tmp_path / "none.pem"), "") is None
