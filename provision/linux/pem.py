"""Certificates in PEM form, as an operator reads them: one line with a fingerprint."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

_BLOCK = re.compile(
    r"-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+?)\r?\n-----END CERTIFICATE-----"
)


def fingerprint(text: str) -> str:
    """Return the SHA-256 fingerprint of the first certificate in ``text``, empty if there is none."""
    found = _BLOCK.search(text)
    return _digest(found[1]) if found else ""


def in_one_line(text: str) -> str:
    """Return ``text`` with each certificate as one line that has its fingerprint.

    What is not a certificate in PEM form to the letter stays as it is, so that it is seen.
    """
    return _BLOCK.sub(_line, text)


def _line(block: re.Match[str]) -> str:
    digest = _digest(block[1])
    return f"(certificate, SHA-256 {digest})" if digest else block[0]


def _digest(body: str) -> str:
    text = "".join(body.split())
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        return ""
    # one ASN.1 sequence to its last byte, in the one spelling that base64 has for it
    whole = raw[:2] == b"\x30\x82" and int.from_bytes(raw[2:4]) == len(raw) - 4
    if not whole or base64.b64encode(raw).decode() != text:
        return ""
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(raw).digest())
