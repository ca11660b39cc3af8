"""How the host itself asks the receiver: no proxy between, and only its own certificate is believed."""

from __future__ import annotations

import contextlib
import ssl
import urllib.request

# X509_V_FLAG_PARTIAL_CHAIN: what is trusted need not be a CA. Python names it only from 3.10 on.
PARTIAL_CHAIN = 0x80000


def opener(certificate: str) -> urllib.request.OpenerDirector:
    """Opens URLs of this host; by https only if the certificate in the file ``certificate`` answers.

    Names are not compared: it is that very certificate, and the host asks by whatever address is its own.
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
