"""Fetch one URL, whatever proxies and certificates the environment names."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping


def fetch(
    url: str, headers: Mapping[str, str] | None = None, body: str | None = None, ca: str = ""
) -> tuple[int, str]:
    """Return the status and the text of a URL, fetched without a proxy. Status 0 means no answer.

    By https, only ``ca`` (PEM) is trusted.
    """
    trust = ssl.create_default_context(cadata=ca) if ca else None
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data=data, headers=dict(headers or {}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")
    except OSError as error:
        return 0, str(error)
