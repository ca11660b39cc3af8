"""Send requests of the host to its own receiver, without a proxy; trust only its certificate."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import NamedTuple, Optional

# X509_V_FLAG_PARTIAL_CHAIN: what is trusted need not be a CA. Python names it only from 3.10 on.
PARTIAL_CHAIN = 0x80000
# Bytes of a body to read unless a caller asks for more.
LARGEST_BODY = 1_000_000


class Answer(NamedTuple):
    """An HTTP answer; ``status`` is 0 if there was none, and ``body`` is then the reason."""

    status: int
    body: str


def build_opener(certificate: str) -> urllib.request.OpenerDirector:
    """Return an opener for URLs of this host.

    Over HTTPS it trusts only the certificate in the file ``certificate``. It does not compare names:
    the certificate itself is pinned, and the host may use any of its own addresses.
    """
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_flags |= ssl.VerifyFlags(PARTIAL_CHAIN)
        with contextlib.suppress(OSError):  # there is none yet: nothing is trusted
            context.load_verify_locations(certificate)
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


def fetch(
    opener: urllib.request.OpenerDirector,
    url: str,
    headers: Optional[Mapping[str, str]] = None,  # noqa: UP045 - Python 3.9
    body: Optional[bytes] = None,  # noqa: UP045 - Python 3.9
    timeout: float = 10,
    largest: int = LARGEST_BODY,
) -> Answer:
    """Return the answer to a GET of ``url``, or to a POST of ``body``.

    ``timeout`` in seconds; ``largest``: bytes of the answer's body that are read.
    """
    try:
        request = urllib.request.Request(url, data=body, headers=dict(headers or {}))
        with opener.open(request, timeout=timeout) as response:
            return Answer(response.status, response.read(largest).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read(LARGEST_BODY).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, str(error))
