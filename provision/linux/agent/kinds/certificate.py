"""Make a small CA of the host and the certificate that it signs, with openssl: no key leaves the host.

Key and certificate are in one file, so that both are replaced in one step. What is signed is valid from
yesterday on, because the clocks of those who check it may be behind.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
import tempfile
import time
from collections.abc import Sequence

from banstitch_shared.addresses import is_address

from provision.linux.agent import host
from provision.linux.agent.host import HostError, must, read, run
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds.file import take_back
from provision.linux.agent.kinds.kind import Kind
from provision.linux.agent.paths import put_state, read_state
from provision.linux.agent.pem import DAY, NOBODY, read_certificate
from provision.linux.agent.protocol.bounds import SEALED_KINDS, SERVER_DAYS
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.steps import MakeAuthority, MakeCertificate, OnDisk

AUTHORITY_DAYS = 3650
# In memory, because files deleted from a disk can be recovered.
SCRATCH = "/run"

_FACTORY = """\
[ca]
default_ca = this
[this]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
x509_extensions = extensions
[any]
commonName = supplied
[req]
distinguished_name = subject
prompt = no
[subject]
CN = {subject}
[extensions]
subjectKeyIdentifier = hash
{extensions}
"""
_AUTHORITY = """\
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
extendedKeyUsage = serverAuth
nameConstraints = critical, {permitted}
"""
_SERVER = """\
authorityKeyIdentifier = keyid
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = {names}
"""


def make_authority(step: MakeAuthority, journal: Journal) -> None:
    """Make a CA that may sign for ``names`` only, or a new certificate for an existing CA.

    Its key and its subject stay, and so does the key identifier, the only thing by which the receiver's
    certificate names its CA. So the receiver's certificate is valid under the old and the new one.
    """
    _keep(step, "authority", journal)
    with tempfile.TemporaryDirectory(dir=SCRATCH, prefix="banstitch-") as folder:
        key = _key(folder, step.path)
        public = must(["openssl", "pkey", "-in", key, "-pubout"])
        subject = "Banstitch CA " + hashlib.sha256(public.encode()).hexdigest()[:12]
        end = time.time() + AUTHORITY_DAYS * DAY
        signing = ["-selfsign", "-keyfile", key]
        extensions = _AUTHORITY.format(permitted=", ".join(_permitted(step.names)))
        pem = _sign(folder, key, subject, extensions, end, signing)
        _write(step, (read(key) or b"") + pem)


def make_certificate(step: MakeCertificate, journal: Journal) -> None:
    """Make a certificate for ``names``, signed by ``authority``, or write the given ``content``."""
    _keep(step, "certificate", journal)
    if step.content:
        _write(step, base64.b64decode(step.content))
        return
    known = read_certificate(step.authority, "")
    if known is None:
        raise HostError(f"{step.authority} holds no certificate to sign with")
    end = time.time() + min(SERVER_DAYS, known.days_left) * DAY
    names = ", ".join(("IP:" if is_address(n) else "DNS:") + n for n in step.names)
    signing = ["-cert", step.authority, "-keyfile", step.authority]
    with tempfile.TemporaryDirectory(dir=SCRATCH, prefix="banstitch-") as folder:
        key = _key(folder, "")
        extensions = _SERVER.format(names=names)
        pem = _sign(folder, key, "Banstitch receiver", extensions, end, signing)
        _write(step, (read(key) or b"") + pem)


def _permitted(names: Sequence[str]) -> list[str]:
    """Return the name constraints of a CA that may sign for ``names`` and nothing else.

    A kind of name that is not mentioned would be permitted whole (RFC 5280, 4.2.1.10), hence NOBODY.
    """
    addresses = [ipaddress.ip_network(name) for name in names if is_address(name)]
    hosts = [name for name in names if not is_address(name)]
    return [
        *(f"permitted;IP:{each.network_address}/{each.netmask}" for each in addresses),
        *(f"permitted;DNS:{name}" for name in hosts),
        *(f"permitted;{kind}:{NOBODY}" for kind in ("email", "URI")),
    ]


def _keep(step: OnDisk, kind: str, journal: Journal) -> None:
    before = read_state(step.path)
    journal.own(ResourceId(kind, step.path), before)
    journal.on_failure(lambda: put_state(step.path, before))


def _key(folder: str, kept: str) -> str:
    """Return the name of a file with the key in ``kept``, or with a new key."""
    path = os.path.join(folder, "key")
    if not kept or run(["openssl", "pkey", "-in", kept, "-out", path]).status:
        curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        must(["openssl", "genpkey", *curve, "-out", path])
    return path


def _sign(
    folder: str, key: str, subject: str, extensions: str, end: float, signing: list[str]
) -> bytes:
    config, asked, signed = (os.path.join(folder, name) for name in ("config", "csr", "cert"))
    with open(config, "w", encoding="ascii") as file:
        file.write(_FACTORY.format(folder=folder, subject=subject, extensions=extensions))
    with open(os.path.join(folder, "index"), "w", encoding="ascii"):
        pass
    must(["openssl", "req", "-new", "-config", config, "-key", key, "-out", asked])
    batch = ["-batch", "-notext", "-config", config, "-in", asked, "-out", signed]
    times = ["-startdate", _moment(time.time() - DAY), "-enddate", _moment(end)]
    must(["openssl", "ca", *batch, *signing, *times])
    return read(signed) or b""


def _moment(seconds: float) -> str:
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


def _write(step: OnDisk, content: bytes) -> None:
    host.write(step.path, content, step.mode, step.owner, step.group)


KIND = Kind(
    steps={MakeAuthority: make_authority, MakeCertificate: make_certificate},
    objects=SEALED_KINDS,
    take_back=take_back,
)
