"""Read the facts in a certificate from its bytes (RFC 5280): to start openssl takes ten times as long."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import NamedTuple

# The identifiers of extensions, and of the purpose to be a server, as they are encoded.
NAMES, CONSTRAINTS, PURPOSES = b"\x55\x1d\x11", b"\x55\x1d\x1e", b"\x55\x1d\x25"
SERVER = b"\x2b\x06\x01\x05\x05\x07\x03\x01"
# The forms of a general name: context-specific numbers.
KINDS = {1: "email", 2: "DNS", 6: "URI", 7: "IP"}
_VERSION, _UTC_TIME = 0xA0, 0x17
_EXTENSIONS = 0xA3
_TRUE = b"\xff"


class Extension(NamedTuple):
    """An extension of a certificate."""

    critical: bool
    value: bytes


class Name(NamedTuple):
    """A name of a kind. Of another kind than those of :data:`KINDS` its number is kept, and no value."""

    kind: str
    value: str


class Facts(NamedTuple):
    """The facts in a certificate; ``end`` in epoch seconds, ``extensions`` by identifier."""

    end: float
    extensions: dict[bytes, Extension]


def read_facts(der: bytes) -> Facts:
    """Return the facts in the certificate ``der``.

    Raises:
        ValueError, IndexError: it is none. The functions below raise the same for a damaged extension.
    """
    body = [*read_items(_open(_open(der)))]
    fields = body[1:] if body[0][0] == _VERSION else body
    validity = [*read_items(fields[3][1])]
    found = {}
    for tag, value in fields[6:]:
        for _, extension in read_items(_open(value)) if tag == _EXTENSIONS else ():
            identifier, *critical, content = (each for _, each in read_items(extension))
            found[identifier] = Extension(critical == [_TRUE], content)
    return Facts(_read_time(*validity[1]), found)


def read_items(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each value that follows another in ``der``."""
    at = 0
    while at < len(der):
        tag, size = der[at], der[at + 1]
        at += 2
        if size >= 0x80:
            digits = size & 0x7F
            size = int.from_bytes(der[at : at + digits], "big")
            at += digits
        if at + size > len(der):
            raise ValueError("it was cut")
        yield tag, der[at : at + size]
        at += size


def read_names(value: bytes) -> list[Name]:
    """Return the subject's alternative names."""
    return [_read_name(*each) for each in read_items(_open(value))]


def read_purposes(value: bytes) -> list[bytes]:
    """Return the identifiers of the purposes."""
    return [each for _, each in read_items(_open(value))]


def read_permitted(value: bytes) -> list[Name]:
    """Return the names for which a CA may sign; none if others are excluded."""
    parts = [*read_items(_open(value))]
    if [tag for tag, _ in parts] != [0xA0]:
        return []
    return [_read_name(*_read_first(each)) for _, each in read_items(parts[0][1])]


def _open(der: bytes) -> bytes:
    """Return the content of the first value in ``der``."""
    return _read_first(der)[1]


def _read_first(der: bytes) -> tuple[int, bytes]:
    """Return tag and content of the first value in ``der``."""
    for item in read_items(der):
        return item
    raise ValueError("it holds nothing")


def _read_name(tag: int, value: bytes) -> Name:
    """Return a name. In constraints an address has a mask, which is left out if it is all ones."""
    number = tag & 0x1F
    if number not in KINDS:
        return Name(str(number), "")
    kind = KINDS[number]
    if kind != "IP":
        text = value.decode("ascii", "backslashreplace")
        return Name(kind, "".join(c if c.isprintable() else "?" for c in text))
    size = 16 if len(value) >= 16 else 4
    address, mask = ipaddress.ip_address(value[:size]), value[size:]
    if mask in (b"", b"\xff" * size):
        return Name(kind, str(address))
    return Name(kind, f"{address}/{ipaddress.ip_address(mask)}")


def _read_time(tag: int, value: bytes) -> float:
    text = value.decode("ascii").rstrip("Z")
    if tag == _UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    year, rest = int(text[:4]), text[4:14]
    month, day, hour, minute, second = (int(rest[n : n + 2]) for n in range(0, 10, 2))
    return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp()
