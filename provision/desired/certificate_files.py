"""A certificate that the operator has, checked before any host hears of it."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

_SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def pair(certificate: str, key: str, name: str) -> str:
    """Key and certificate chain, as one text, of the files at the two paths.

    Raises:
        ValueError: why a receiver at the address or host name ``name`` cannot use them.
    """
    chain, secret = text(certificate), text(key)
    own = certificates(chain, certificate)[0]
    try:
        private = serialization.load_pem_private_key(secret.encode(), None)
    except (ValueError, TypeError) as error:
        what = "is encrypted" if "ENCRYPTED" in secret else "holds no key in PEM form"
        raise ValueError(f"{key} {what}") from error
    if private.public_key().public_bytes(*_SPKI) != own.public_key().public_bytes(*_SPKI):
        raise ValueError(f"{key} is not the key of {certificate}")
    if own.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        raise ValueError(f"{certificate} expired on {own.not_valid_after_utc:%Y-%m-%d}")
    good_for = names(own)
    if not any(_fits(each, name) for each in good_for):
        raise ValueError(
            f"{certificate} is good for {', '.join(good_for) or 'no name'}, not for {name}"
        )
    return f"{secret.strip()}\n{chain.strip()}\n"


def text(path: str) -> str:
    """What is in the file.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        return Path(path).expanduser().read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not in PEM form"
        raise ValueError(f"{path} cannot be read: {why}") from error


def certificates(pem: str, path: str) -> list[x509.Certificate]:
    """At least one.

    Raises:
        ValueError: there is none.
    """
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise ValueError(f"{path} holds no certificate in PEM form") from error


def check_limited(pem: str, wanted: Iterable[str]) -> None:
    """Check that ``pem`` is one CA that may sign for the names ``wanted`` and for nothing else.

    A ban host makes it, and its FortiGates are told to trust it.

    Raises:
        ValueError: it is not.
    """
    try:
        (found,) = x509.load_pem_x509_certificates(pem.encode())
        constraints = found.extensions.get_extension_for_class(x509.NameConstraints)
        basic = found.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise ValueError("it must be one certificate with name constraints") from error
    permitted = constraints.value.permitted_subtrees or []
    servers = list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    if not (constraints.critical and basic.ca and basic.path_length == 0 and servers):
        raise ValueError("it must be a CA for servers only, with critical name constraints")
    if {_permitted(each) for each in permitted} != {*map(_plain, wanted), *_NOBODY}:
        raise ValueError("it must be limited to the names of this receiver")


# A kind of name that is not mentioned would be permitted whole (RFC 5280, 4.2.1.10).
_NOBODY = ("email:.invalid", "URI:.invalid")


def _permitted(name: x509.GeneralName) -> str:
    """Return one subtree as an address or name; anything else with its kind."""
    if isinstance(name, x509.DNSName):
        return _plain(name.value)
    if isinstance(name, x509.IPAddress):
        network = ipaddress.ip_network(str(name.value))
        whole = network.prefixlen == network.max_prefixlen
        return str(network.network_address) if whole else str(network)
    if isinstance(name, x509.RFC822Name):
        return f"email:{name.value}"
    if isinstance(name, x509.UniformResourceIdentifier):
        return f"URI:{name.value}"
    return f"other:{name.value}"


def names(certificate: x509.Certificate) -> list[str]:
    """The addresses and host names that it is good for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [
        *found.get_values_for_type(x509.DNSName),
        *map(str, found.get_values_for_type(x509.IPAddress)),
    ]


def _fits(good_for: str, name: str) -> bool:
    """A star stands for the first label (RFC 6125)."""
    if good_for.startswith("*."):
        return good_for[1:].lower() == "." + name.partition(".")[2].lower()
    return _plain(good_for) == _plain(name)


def _plain(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower().rstrip(".")
