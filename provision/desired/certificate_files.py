"""Check certificates: the operator's before any host is contacted, and the CA of a ban host."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

_SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_pair(certificate: str, key: str, name: str) -> str:
    """Return the key and the certificate chain in the two files as one PEM text.

    Raises:
        ValueError: a receiver at the address or host name ``name`` cannot use them; the message says why.
    """
    chain, secret = read_text(certificate), read_text(key)
    server = parse_certificates(chain, certificate)[0]
    try:
        private = serialization.load_pem_private_key(secret.encode(), None)
    except (ValueError, TypeError) as error:
        message = "is encrypted" if "ENCRYPTED" in secret else "holds no key in PEM form"
        raise ValueError(f"{key} {message}") from error
    if private.public_key().public_bytes(*_SPKI) != server.public_key().public_bytes(*_SPKI):
        raise ValueError(f"{key} must be the key of {certificate}")
    if server.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        raise ValueError(f"{certificate} expired on {server.not_valid_after_utc:%Y-%m-%d}")
    valid_for = list_names(server)
    if not any(_matches(valid, name) for valid in valid_for):
        raise ValueError(
            f"{certificate} must be valid for {name}; it is valid for {', '.join(valid_for) or 'no name'}"
        )
    return f"{secret.strip()}\n{chain.strip()}\n"


def read_text(path: str) -> str:
    """Return the text of the file.

    Raises:
        ValueError: the file cannot be read.
    """
    try:
        return Path(path).expanduser().read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not in PEM form"
        raise ValueError(f"{path} cannot be read: {why}") from error


def parse_certificates(pem: str, path: str) -> list[x509.Certificate]:
    """Return the certificates in ``pem``, at least one.

    Raises:
        ValueError: there is none.
    """
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise ValueError(f"{path} holds no certificate in PEM form") from error


def check_limited(pem: str, names: Iterable[str]) -> None:
    """Check that ``pem`` is one CA that may sign for ``names`` and for nothing else.

    The ban host created it, and FortiGates will trust it.

    Raises:
        ValueError: it is anything else.
    """
    try:
        (ca,) = x509.load_pem_x509_certificates(pem.encode())
        constraints = ca.extensions.get_extension_for_class(x509.NameConstraints)
        basic = ca.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = ca.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise ValueError("it must be one certificate with name constraints") from error
    permitted = constraints.value.permitted_subtrees or []
    servers = list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    if not (constraints.critical and basic.ca and basic.path_length == 0 and servers):
        raise ValueError("it must be a CA for servers only, with critical name constraints")
    if {_format_subtree(subtree) for subtree in permitted} != {
        *map(_normalize_name, names),
        *_NOBODY,
    }:
        raise ValueError("it must be limited to the names of this receiver")


# A type of name without a constraint would be permitted entirely (RFC 5280, 4.2.1.10).
_NOBODY = ("email:.invalid", "URI:.invalid")


def _format_subtree(name: x509.GeneralName) -> str:
    """Return one subtree as an address or name; prefix other types with the type."""
    if isinstance(name, x509.DNSName):
        return _normalize_name(name.value)
    if isinstance(name, x509.IPAddress):
        network = ipaddress.ip_network(str(name.value))
        whole = network.prefixlen == network.max_prefixlen
        return str(network.network_address) if whole else str(network)
    if isinstance(name, x509.RFC822Name):
        return f"email:{name.value}"
    if isinstance(name, x509.UniformResourceIdentifier):
        return f"URI:{name.value}"
    return f"other:{name.value}"


def list_names(certificate: x509.Certificate) -> list[str]:
    """Return the host names and addresses that a certificate is valid for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [
        *names.get_values_for_type(x509.DNSName),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    ]


def _matches(valid: str, name: str) -> bool:
    """Return whether ``valid`` covers ``name``; a star stands for the first label (RFC 6125)."""
    if valid.startswith("*."):
        return valid[1:].lower() == "." + name.partition(".")[2].lower()
    return _normalize_name(valid) == _normalize_name(name)


def _normalize_name(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower().rstrip(".")
