"""What a certificate on this host says of itself, read with openssl; its key stays unread."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import ssl
import time
from typing import Any, Optional

from provision.linux.agent.host import read, run

State = Optional[dict[str, Any]]  # noqa: UP045 - evaluated by Python 3.9

DAY = 86400
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)
_NAMES = re.compile(r"X509v3 Subject Alternative Name:[^\n]*\n *([^\n]*)")
_END = re.compile(r"^notAfter=(.*)$", re.MULTILINE)


def certificate(path: str, authority: str) -> State:
    """What is in a file of key and certificate, without the key; None where there is no certificate.

    ``days_left``; ``names`` it is good for; ``sound``: the key fits, and ``authority`` (a path, or "")
    signed it; ``digest`` of the whole file; ``pem``: the certificates in it.
    """
    raw = read(path)
    shown = run(["openssl", "x509", "-in", path, "-noout", "-text", "-enddate"])
    end = _END.search(shown.output)
    if raw is None or shown.status or not end:
        return None
    names = _NAMES.search(shown.output)
    return {
        "days_left": (ssl.cert_time_to_seconds(end[1]) - time.time()) / DAY,
        "names": sorted(_name(each) for each in (names[1].split(",") if names else ())),
        "sound": _key_fits(path) and (not authority or _signed(path, authority)),
        "digest": hashlib.sha256(raw).hexdigest(),
        "pem": "".join(_PEM.findall(raw.decode("utf-8", "replace"))),
    }


def _name(text: str) -> str:
    """`IP Address:0:0:0:0:0:0:0:1` and `DNS:localhost` as people write them."""
    kind, _, value = text.strip().partition(":")
    return str(ipaddress.ip_address(value)) if kind == "IP Address" else value


def _key_fits(path: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
    except (OSError, ValueError):
        return False
    return True


def _signed(path: str, authority: str) -> bool:
    """Whether the authority vouches for it; whether it is still valid is another question."""
    return run(["openssl", "verify", "-no_check_time", "-CAfile", authority, path]).status == 0
