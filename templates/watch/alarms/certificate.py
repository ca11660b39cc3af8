"""Find the end of the receiver's certificate, as a FortiGate sees it.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import ssl
from typing import Any

from watch.deadline import Deadline

# X509_V_FLAG_PARTIAL_CHAIN: what is trusted need not be a CA. Python names it only from 3.10 on.
_PARTIAL_CHAIN = 0x80000
_HAS_EXPIRED = 10


def read_end(host: str, port: int) -> float:
    """Return the end of the certificate in epoch seconds; 0 if it is over.

    Python shows the parts of a certificate only after it was checked. So the certificate is fetched first,
    and then trusted.

    Raises:
        OSError, ValueError: there is no certificate.
    """
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    der = _shake_hands(blind, host, port, True)
    pinned = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    pinned.check_hostname = False
    pinned.verify_flags |= _PARTIAL_CHAIN
    pinned.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(der))
    try:
        shown = _shake_hands(pinned, host, port, False)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == _HAS_EXPIRED:
            return 0.0
        raise
    return float(ssl.cert_time_to_seconds(shown["notAfter"]))


def _shake_hands(context: ssl.SSLContext, host: str, port: int, binary: bool) -> Any:
    with Deadline() as deadline, context.wrap_socket(deadline.connect(host, port)) as peer:
        return peer.getpeercert(binary)
