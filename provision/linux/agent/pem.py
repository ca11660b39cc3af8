"""Read the facts in a certificate of this host with openssl. Its key is never read."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import ssl
import time

from provision.linux.agent.host import read, run
from provision.linux.agent.protocol.state import CertificateState

DAY = 86400
# A domain that nobody has (RFC 2606): a CA limited to it may sign no name of that type.
NOBODY = ".invalid"
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)
_NAMES = re.compile(r"X509v3 Subject Alternative Name:[^\n]*\n *([^\n]*)")
_CONSTRAINTS = re.compile(
    r"X509v3 Name Constraints: critical *\n((?: +(?!X509v3|Signature)\S.*\n)+)"
)
_USAGE = re.compile(r"X509v3 Extended Key Usage:[^\n]*\n *([^\n]*)")
_END = re.compile(r"^notAfter=(.*)$", re.MULTILINE)


def read_certificate(path: str, authority: str) -> CertificateState | None:
    """Return the facts in a file of key and certificate; None if it has no certificate.

    ``days_left``; ``names`` it is good for; ``permits``: the only names that it may sign for as a CA of
    servers, empty if it may sign for others or for other purposes; ``sound``: the key fits, and
    ``authority`` (a path, or "") signed it; ``digest`` of the whole file; ``pem``: its certificates.
    """
    raw = read(path)
    shown = run(["openssl", "x509", "-in", path, "-noout", "-text", "-enddate"])
    end = _END.search(shown.output)
    if raw is None or shown.status or not end:
        return None
    names = _NAMES.search(shown.output)
    return CertificateState(
        days_left=(ssl.cert_time_to_seconds(end[1]) - time.time()) / DAY,
        names=sorted(_name(each) for each in (names[1].split(",") if names else ())),
        permits=_permitted(shown.output),
        sound=_key_fits(path) and (not authority or _signed(path, authority)),
        digest=hashlib.sha256(raw).hexdigest(),
        pem="".join(_PEM.findall(raw.decode("utf-8", "replace"))),
    )


def _name(text: str) -> str:
    """Return `IP Address:0:0:0:0:0:0:0:1` or `DNS:localhost` as people write it."""
    kind, _, value = text.strip().partition(":")
    return str(ipaddress.ip_address(value)) if kind == "IP Address" else value


def _permitted(shown: str) -> list[str]:
    """Return the names to which a CA is limited; none if it may sign other names as well."""
    constraints, usage = _CONSTRAINTS.search(shown), _USAGE.search(shown)
    if not constraints or not usage or usage[1].strip() != "TLS Web Server Authentication":
        return []
    head, *entries = (line.strip() for line in constraints[1].splitlines())
    kinds = {entry.partition(":")[0] for entry in entries}
    if head != "Permitted:" or not {"DNS", "IP", "email", "URI"} <= kinds:
        return []
    closed = {f"email:{NOBODY}", f"URI:{NOBODY}"}
    return sorted(_entry(entry) for entry in entries if entry not in closed)


def _entry(text: str) -> str:
    """Return a single name or address as people write it; anything wider as openssl shows it."""
    kind, _, value = text.partition(":")
    if kind == "DNS":
        return value
    if kind != "IP":
        return text
    address, _, mask = value.partition("/")
    try:
        whole = ipaddress.ip_address(mask) == ipaddress.ip_network(address).netmask
    except ValueError:
        return text
    return str(ipaddress.ip_address(address)) if whole else text


def _key_fits(path: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
    except (OSError, ValueError):
        return False
    return True


def _signed(path: str, authority: str) -> bool:
    """Return whether the CA signed it; the dates are checked elsewhere."""
    return run(["openssl", "verify", "-no_check_time", "-CAfile", authority, path]).status == 0
