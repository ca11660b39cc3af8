"""The CA of a ban host is good for its receiver only, whoever holds its key."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from provision.linux.agent import memory, pem
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import certificate
from tests.simulator import trust
from tests.unit.desired.receiver_certificate import (
    RECEIVER,
    make_authority_step,
    make_certificate_step,
)

# As version 0.1 made its CA.
OLD_CA = (
    "basicConstraints = critical, CA:true, pathlen:0\nkeyUsage = critical, keyCertSign, cRLSign\n"
)
# Extensions of what a thief of the key would sign, and the name that he wants to pass for.
FORGED = {
    "another host": ("subjectAltName = DNS:bank.example.com", "bank.example.com"),
    "a name that ends alike": ("subjectAltName = DNS:evilban.example.net", "evilban.example.net"),
    "every host": ("subjectAltName = DNS:*.example.com", "www.example.com"),
    "another address": ("subjectAltName = IP:192.0.2.11", "192.0.2.11"),
    "another IPv6 address": ("subjectAltName = IP:2001:db8::1", "2001:db8::1"),
    "its own name and another": (
        "subjectAltName = DNS:ban.example.net, DNS:bank.example.com",
        "bank.example.com",
    ),
    "a URL": ("subjectAltName = DNS:localhost, URI:https://bank.example.com/", "localhost"),
    "somebody's mail": ("subjectAltName = DNS:localhost, email:joe@example.com", "localhost"),
}


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setattr(memory, "save", lambda _: None)
    monkeypatch.setattr(certificate, "SCRATCH", str(tmp_path))
    return Journal(memory.new())


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CA of a receiver: certificate and key."""
    folder = tmp_path_factory.mktemp("ca")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "save", lambda _: None)
        patch.setattr(certificate, "SCRATCH", str(folder))
        certificate.make_authority(make_authority_step(folder / "ca.pem"), Journal(memory.new()))
    return folder / "ca.pem"


def openssl(folder: Path, script: str) -> str:
    """Run a shell script in ``folder``; its output."""
    done = subprocess.run(
        ["sh", "-ec", script], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


@cache
def signed(ca: Path, extensions: str, subject: str = "/CN=Banstitch receiver") -> Path:
    """What anybody who holds the key of ``ca`` can sign: certificate and key in one file."""
    folder = Path(tempfile.mkdtemp(dir=ca.parent))
    (folder / "extensions").write_text(extensions + "\nauthorityKeyIdentifier = keyid\n")
    openssl(
        folder,
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out forged.key\n"
        f"openssl req -new -key forged.key -subj '{subject}' -out csr\n"
        f"openssl x509 -req -in csr -CA {ca} -CAkey {ca} -set_serial 7 -days 30"
        " -extfile extensions -out crt\n"
        "cat forged.key crt >forged.pem",
    )
    return folder / "forged.pem"


def certificate_in(path: Path) -> str:
    """The certificate in a file of key and certificate."""
    text = path.read_text()
    return text[text.index("-----BEGIN CERTIFICATE") :]


def python(ca: str) -> ssl.SSLContext:
    """Return what trusts ``ca`` only, as Python does by default."""
    return ssl.create_default_context(cadata=ca)


def strict_python(ca: str) -> ssl.SSLContext:
    """Return the same with the checks that are the default from Python 3.13 on."""
    context = python(ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def simulated_fortigate(ca: str) -> ssl.SSLContext:
    """Return how the simulated FortiGate connects."""
    return trust.client(ca, "full")


Client = Callable[[str], ssl.SSLContext]
CLIENTS = [python, strict_python, simulated_fortigate]
each_client = pytest.mark.parametrize("client", CLIENTS)


def refusal(client: Client, ca: str, server: Path, name: str) -> str:
    """Why a client that trusts ``ca`` refuses ``server`` under ``name``; empty if it does not."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)
    served = context.wrap_bio(to_server, to_client, server_side=True)
    asking = client(ca).wrap_bio(to_client, to_server, server_hostname=name)
    try:
        for _ in range(4):  # messages each way
            for side in (asking, served):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    assert asking.cipher()
    return ""


def verified(ca: Path, server: Path, *flags: str) -> str:
    """What `openssl verify` says of the certificate in ``server``; empty if it accepts it."""
    argv = ["openssl", "verify", *flags, "-CAfile", str(ca), str(server)]
    done = subprocess.run(argv, capture_output=True, text=True)
    return done.stderr if done.returncode else ""


@each_client
@pytest.mark.parametrize("name", RECEIVER)
def test_the_receiver_is_believed_under_each_of_its_names(
    client: Client, name: str, ca: Path, journal: Journal, tmp_path: Path
) -> None:
    server = tmp_path / "server.pem"
    certificate.make_certificate(make_certificate_step(server, authority=str(ca)), journal)
    assert refusal(client, certificate_in(ca), server, name) == ""
    assert verified(ca, server, "-x509_strict", "-purpose", "sslserver") == ""


@each_client
@pytest.mark.parametrize("what", FORGED)
def test_nobody_else_can_be_passed_for_with_its_key(client: Client, what: str, ca: Path) -> None:
    extensions, name = FORGED[what]
    forged = signed(ca, extensions)
    assert refusal(client, certificate_in(ca), forged, name) == "permitted subtree violation"
    assert "permitted subtree violation" in verified(ca, forged)


def test_a_name_in_the_subject_does_not_get_around_it(ca: Path) -> None:
    forged = signed(ca, "basicConstraints = CA:false", subject="/CN=bank.example.com")
    assert "permitted subtree violation" in verified(ca, forged)


def test_it_makes_no_further_ca(ca: Path, tmp_path: Path) -> None:
    sub = signed(ca, "basicConstraints = critical, CA:true\nkeyUsage = keyCertSign")
    middle = Path(shutil.copy(sub, tmp_path / "middle.pem"))
    leaf = signed(middle, "subjectAltName = DNS:localhost")
    assert "path length constraint exceeded" in verified(ca, leaf, "-untrusted", str(middle))


@pytest.mark.parametrize("purpose", ["sslclient", "smimesign"])
def test_it_vouches_for_servers_only(purpose: str, ca: Path) -> None:
    forged = signed(ca, "subjectAltName = DNS:localhost\nkeyUsage = digitalSignature")
    assert verified(ca, forged, "-purpose", "sslserver") == ""
    assert "unsuitable certificate purpose" in verified(ca, forged, "-purpose", purpose)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The CA of a site that version 0.1 deployed, which named it by its key."""
    (tmp_path / "config").write_text(f"[req]\ndistinguished_name = n\n[n]\n[ca]\n{OLD_CA}")
    openssl(
        tmp_path,
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key\n"
        'digest=$(printf %s "$(openssl pkey -in key -pubout)" | sha256sum | cut -c-12)\n'
        'openssl req -x509 -key key -subj "/CN=Banstitch CA $digest" -days 3650'
        " -config config -extensions ca -out crt\n"
        "cat key crt >old.pem",
    )
    return tmp_path / "old.pem"


def renewed(old: Path, journal: Journal) -> Path:
    """The same CA with a new certificate of this version."""
    new = Path(shutil.copy(old, old.parent / "ca.pem"))
    certificate.make_authority(make_authority_step(new), journal)
    return new


@each_client
def test_a_new_certificate_for_an_old_ca_leaves_no_moment_without_trust(
    client: Client, old: Path, journal: Journal
) -> None:
    new = renewed(old, journal)
    assert certificate_in(new) != certificate_in(old)
    before = signed(old, "subjectAltName = IP:192.0.2.10, DNS:localhost")
    after = old.parent / "server.pem"
    certificate.make_certificate(make_certificate_step(after, authority=str(new)), journal)
    for server in (before, after):
        for authority in (old, new):
            assert refusal(client, certificate_in(authority), server, "192.0.2.10") == ""


def test_the_host_knows_what_its_ca_may_sign(ca: Path, old: Path, journal: Journal) -> None:
    found, before = pem.read_certificate(str(ca), ""), pem.read_certificate(str(old), "")
    assert found
    assert found.permits == sorted(RECEIVER)
    assert before
    assert before.permits == []


@pytest.mark.parametrize(
    "constraints",
    [
        "permitted;DNS:localhost, permitted;IP:127.0.0.1/255.255.255.255",
        "permitted;DNS:localhost",
        "excluded;DNS:example.com",
    ],
)
def test_a_ca_with_weaker_constraints_counts_as_one_without(
    constraints: str, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(
        f"[req]\ndistinguished_name = n\n[n]\n[ca]\n{OLD_CA}extendedKeyUsage = serverAuth\n"
        f"nameConstraints = critical, {constraints}\n"
    )
    openssl(
        tmp_path,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key"
        " -subj /CN=x -config config -extensions ca -out crt && cat key crt >ca.pem",
    )
    found = pem.read_certificate(str(tmp_path / "ca.pem"), "")
    assert found
    assert found.permits == []
