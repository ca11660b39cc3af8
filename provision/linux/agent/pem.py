"""Read the facts in a certificate of this host. Its key is never read, only tried."""

from __future__ import annotations

import binascii
import hashlib
import re
import ssl
import time

from provision.linux.agent import x509
from provision.linux.agent.host import read
from provision.linux.agent.protocol.bounds import LONGEST_NAME
from provision.linux.agent.protocol.state import CertificateState

DAY = 86400
# A domain that nobody has (RFC 2606): a CA limited to it may sign no name of that type.
NOBODY = ".invalid"
# X509_V_FLAG_NO_CHECK_TIME, which Python does not name.
_NO_CHECK_TIME = 0x200000
# Messages that a handshake takes at most.
_TURNS = 10
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----\n?", re.DOTALL)


def read_certificate(path: str, authority: str) -> CertificateState | None:
    """Return the facts in a file of key and certificate; None if it has no certificate.

    ``days_left``; ``names`` it is good for; ``permits``: the only names that it may sign for as a CA of
    servers, empty if it may sign for others or for other purposes; ``sound``: the key fits, and
    ``authority`` (a path, or "") signed it; ``digest`` of the whole file; ``pem``: its certificates.
    """
    raw = read(path)
    found = [*_PEM.finditer((raw or b"").decode("utf-8", "replace"))]
    if raw is None or not found:
        return None
    try:
        facts = x509.read_facts(binascii.a2b_base64(found[0][1]))
        names = facts.extensions.get(x509.NAMES)
        return CertificateState(
            days_left=(facts.end - time.time()) / DAY,
            names=sorted(map(_shorten, x509.read_names(names.value))) if names else [],
            permits=_list_permitted(facts),
            sound=_is_sound(path, authority),
            digest=hashlib.sha256(raw).hexdigest(),
            pem="".join(each[0] for each in found),
        )
    except (ValueError, LookupError):  # it is damaged
        return None


def _shorten(name: x509.Name) -> str:
    """Return the value of a name as far as an answer may hold it; its kind if there is no value."""
    return (name.value or name.kind)[:LONGEST_NAME]


def _list_permitted(facts: x509.Facts) -> list[str]:
    """Return the names to which a CA is limited; none if it may sign other names as well."""
    constraints = facts.extensions.get(x509.CONSTRAINTS)
    purposes = facts.extensions.get(x509.PURPOSES)
    if constraints is None or not constraints.critical or purposes is None:
        return []
    permitted = x509.read_permitted(constraints.value)
    if x509.read_purposes(purposes.value) != [x509.SERVER]:
        return []
    if not {"DNS", "IP", "email", "URI"} <= {name.kind for name in permitted}:
        return []
    closed = {x509.Name("email", NOBODY), x509.Name("URI", NOBODY)}
    return sorted(_spell(name) for name in permitted if name not in closed)


def _spell(name: x509.Name) -> str:
    """Return a single name or address as people write it; anything wider with its kind."""
    # an empty host name stands for all of them
    is_host = name.kind == "DNS" and name.value
    is_single = is_host or (name.kind == "IP" and "/" not in name.value)
    return (name.value if is_single else f"{name.kind}:{name.value}")[:LONGEST_NAME]


def _is_sound(path: str, authority: str) -> bool:
    """Return whether the key fits, and the CA signed it; the dates are checked elsewhere."""
    try:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # OpenSSL would ask for the passphrase of a key, and read it from the standard input
        server.load_cert_chain(path, password="")
        return not authority or _is_trusted(server, authority)
    except (OSError, ValueError):
        return False


def _is_trusted(server: ssl.SSLContext, authority: str) -> bool:
    """Return whether a client that trusts only ``authority`` accepts the server: both in memory.

    Raises:
        OSError: it does not.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    client.load_verify_locations(authority)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)]
    for _ in range(_TURNS):
        for side in list(sides):
            try:
                side.do_handshake()
                sides.remove(side)
            except ssl.SSLWantReadError:
                continue
        if not sides:
            return True
    return False
