"""Make the CA of a group of sites that share bans, and from it the key and certificate of each site.

Both follow from the CA's key and the names of group and site, by Ed25519 and HKDF: the same inventory gives
the same bytes on every controller, nothing has to be kept or asked for, and no host has a say in what is
signed.
Whoever holds the CA's key could sign any other key as well, so nothing is lost.
"""

from __future__ import annotations

import datetime
import hashlib

from banstitch_shared.shared_bans import name_site
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = 3650
_NO_USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


def make_authority(group: str) -> tuple[str, str]:
    """Return the certificate and the key (PEM) of a new CA for a group."""
    key = Ed25519PrivateKey.generate()
    name = _name(f"Banstitch sharing {group}")
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    usage = x509.KeyUsage(**{**_NO_USAGE, "key_cert_sign": True, "crl_sign": True})
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # the clocks of those who check it may be behind
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, None)
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), _spell_key(key)


def read_authority(certificate: str, key: str) -> tuple[x509.Certificate, Ed25519PrivateKey]:
    """Return the CA of a group.

    Raises:
        ValueError: it is none that :func:`make_authority` made, or it has expired.
    """
    try:
        (ca,) = x509.load_pem_x509_certificates(certificate.encode())
        private = serialization.load_pem_private_key(key.encode(), None)
        is_ca = ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        if not isinstance(private, Ed25519PrivateKey) or not is_ca:
            raise ValueError("it must be a CA that share-ca made")
        ca.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        raise ValueError("it must hold certificate and key as share-ca prints them") from None
    if private.public_key() != ca.public_key():
        raise ValueError("the key must be that of the certificate")
    if ca.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        raise ValueError(f"the certificate expired on {ca.not_valid_after_utc:%Y-%m-%d}")
    return ca, private


def derive_pair(ca: x509.Certificate, authority: Ed25519PrivateKey, group: str, site: str) -> str:
    """Return the key and the certificate of a site as one PEM text; it is valid as long as the CA."""
    identity = name_site(group, site)
    secret = authority.private_bytes_raw()
    derived = HKDF(hashes.SHA256(), 32, b"banstitch share", identity.encode()).derive(secret)
    key = Ed25519PrivateKey.from_private_bytes(derived)
    public = key.public_key()
    serial = hashlib.sha256(ca.fingerprint(hashes.SHA256()) + public.public_bytes_raw()).digest()
    usage = x509.KeyUsage(**{**_NO_USAGE, "digital_signature": True})
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name("Banstitch site"))
        .issuer_name(ca.subject)
        .public_key(public)
        .serial_number(int.from_bytes(serial[:16], "big") >> 1 | 1)
        .not_valid_before(ca.not_valid_before_utc)
        .not_valid_after(ca.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
            critical=False,
        )
        .sign(authority, None)
    )
    return _spell_key(key) + certificate.public_bytes(serialization.Encoding.PEM).decode()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _spell_key(key: Ed25519PrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    encoding = serialization.Encoding.PEM
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()
