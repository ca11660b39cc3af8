"""Filters on texts, numbers and times."""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import math
import re
import shlex
import time
import uuid
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import unquote_plus, urlsplit

from provision.inventory.sandbox import Judging
from provision.inventory.variables import Misused, Unusable

_TRUE = ("yes", "on", "1", "1.0", "true", "t", "y")
_FALSE = ("no", "off", "0", "0.0", "false", "f", "n")


def to_bool(value: object) -> bool:
    """Return whether Ansible's filter takes ``value`` for true; it takes fewer spellings."""
    return str(value).lower() in ("yes", "on", "1", "1.0", "true")


def read_bool(value: object) -> bool:
    """Return the boolean that ``value`` stands for, in each of Ansible's spellings.

    Raises:
        ValueError: it is neither true nor false.
    """
    word = str(value).strip().lower()
    if word not in _TRUE + _FALSE:
        raise ValueError("neither true nor false")
    return word in _TRUE


def default(value: Any, instead: Any = "", boolean: bool = False) -> Any:
    """Return ``instead`` for what is undefined, and with ``boolean`` for what is empty or false."""
    if getattr(value, "broken", False):
        str(value)  # raises its own error
    if _is_undefined(value):
        return instead
    return instead if boolean and not value else value


def mandatory(value: Any, msg: str | None = None) -> Any:
    """Return ``value``, and refuse an undefined one with the author's message."""
    if _is_undefined(value) and msg is not None:
        raise Unusable(str(msg), "it is mandatory, and undefined")
    if _is_undefined(value):
        str(value)
    return value


def _is_undefined(value: Any) -> bool:
    return hasattr(value, "_undefined_hint")


def ternary(value: Any, true: Any, false: Any, none: Any = None) -> Any:
    """Return one of two values, or a third for `none`."""
    if _is_undefined(value):
        return value
    if value is None and none is not None:
        return none
    return true if bool(value) else false


def split(value: Any, *arguments: Any) -> list[str]:
    """Split a text at blanks, or at a separator."""
    return str(value).split(*arguments)


def b64encode(value: Any, encoding: str = "utf-8") -> str:
    """Return the base64 form of a text."""
    return base64.b64encode(str(value).encode(encoding)).decode("ascii")


def b64decode(value: Any, encoding: str = "utf-8") -> str:
    """Return the text that a base64 form stands for."""
    try:
        return base64.b64decode(str(value)).decode(encoding)
    except (binascii.Error, UnicodeError):
        raise Misused("it is not a text in base64") from None


def hash_of(value: Any, hashtype: str = "sha1") -> str:
    """Return a digest in hexadecimal."""
    if hashtype not in hashlib.algorithms_guaranteed or hashtype.startswith("shake"):
        raise Misused("hash does not know this type")
    return hashlib.new(hashtype, str(value).encode(), usedforsecurity=False).hexdigest()


def _hash_with(hashtype: str) -> Callable[[Any], str]:
    return lambda value: hash_of(value, hashtype)


_UNITS = ("", "K", "M", "G", "T", "P", "E", "Z", "Y")


def human_readable(size: Any, isbits: bool = False, unit: str | None = None) -> str:
    """Return a number of bytes or bits in the largest unit that fits, or in ``unit``."""
    number, base = float(size), "bits" if isbits else "Bytes"
    wanted = unit.upper().rstrip("B") if unit else None
    for exponent in range(len(_UNITS) - 1, -1, -1):
        letter = _UNITS[exponent]
        if (wanted is None and number >= 1024**exponent) or wanted == letter or exponent == 0:
            ending = f"{letter}{base[0]}" if letter else base
            return f"{number / 1024**exponent:.2f} {ending}"
    raise AssertionError


def human_to_bytes(size: Any, default_unit: str | None = None, isbits: bool = False) -> int:
    """Return the number of bytes (or bits) that a size such as ``10M`` stands for."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([A-Za-z]*)\s*", str(size), re.ASCII)
    unit = (match[2] or default_unit or "") if match else "?"
    letter, rest = unit[:1].upper(), unit[1:]
    endings = ("", "b", "bit", "bits") if isbits else ("", "B", "Byte", "Bytes")
    if letter == "B" and (not isbits or unit.lower() in ("b", "bit", "bits")):
        letter, rest = "", ""
    if not match or letter not in _UNITS or rest not in endings:
        raise Misused("it is not a size such as 10M")
    factor: int = 1024 ** _UNITS.index(letter)
    return round(float(match[1]) * factor)


def now(utc: bool = False, fmt: str | None = None) -> Any:
    """Return the time, as a text if there is a format."""
    found = datetime.datetime.now(datetime.timezone.utc if utc else None).replace(tzinfo=None)  # noqa: UP017
    return found.strftime(fmt) if fmt else found


def strftime(form: str, second: Any = None, utc: bool = False) -> str:
    """Return a time, in seconds since 1970 or now, in this form."""
    try:
        seconds = None if second is None else float(second)
        return time.strftime(form, time.gmtime(seconds) if utc else time.localtime(seconds))
    except (TypeError, ValueError):
        raise Unusable("strftime takes seconds since 1970", "bad time") from None


def to_datetime(value: Any, form: str = "%Y-%m-%d %H:%M:%S") -> datetime.datetime:
    """Return the time that a text stands for."""
    try:
        return datetime.datetime.strptime(str(value), form)
    except ValueError:
        raise Unusable("it is not a time in this form", "it is not a time") from None


def url_parts(value: Any, query: str = "") -> Any:
    """Return the parts of a URL, or one of them."""
    parts = urlsplit(str(value))
    names = ("scheme", "netloc", "path", "query", "fragment", "username", "password", "hostname")
    try:
        found = {name: getattr(parts, name) for name in (*names, "port")}
    except ValueError:
        raise Misused("it is not a URL") from None
    if query and query not in found:
        raise Misused("urlsplit does not know this part")
    return found[query] if query else found


def to_uuid(value: Any, namespace: str = "361E6D51-FAEC-444A-9079-341386DA8E2E") -> str:
    """Return the UUID that stands for a text in a namespace."""
    return str(uuid.uuid5(uuid.UUID(namespace), str(value)))


def comment(text: Any, style: str = "plain", decoration: str | None = None) -> str:
    """Return the lines of a text as comments."""
    marks = {"plain": "# ", "erlang": "% ", "c": "// "}
    if style not in marks:
        raise Unusable("comment knows the styles plain, erlang and c")
    mark = decoration if decoration is not None else marks[style]
    border = mark.rstrip()
    lines = [f"{mark}{line}".rstrip() for line in str(text).split("\n")]
    return "\n".join([border, *lines, border])


def power(value: float, exponent: float) -> float:
    """Return ``value`` to the power of ``exponent``, as a float."""
    return math.pow(value, exponent)


def log(value: float, base: float = math.e) -> float:
    """Return the logarithm of ``value``."""
    return math.log10(value) if base == 10 else math.log(value, base)


def root(value: float, base: float = 2) -> float:
    """Return the square root of ``value``, or another root."""
    return math.sqrt(value) if base == 2 else math.pow(value, 1.0 / float(base))


def _refuse(name: str, why: str) -> Callable[..., NoReturn]:
    """Return a filter that is known and not carried out."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise Misused(f"the filter {name} {why}")

    return refuse


FILTERS: dict[str, Callable[..., Any] | Judging] = {
    "b64decode": b64decode,
    "b64encode": b64encode,
    "bool": to_bool,
    "checksum": _hash_with("sha1"),
    "comment": comment,
    "d": Judging(default),
    "default": Judging(default),
    "hash": hash_of,
    "human_readable": human_readable,
    "human_to_bytes": human_to_bytes,
    "log": log,
    "mandatory": Judging(mandatory),
    "md5": _hash_with("md5"),
    "password_hash": _refuse("password_hash", "yields another value each time"),
    "pow": power,
    "quote": lambda value: shlex.quote("" if value is None else str(value)),
    "root": root,
    "sha1": _hash_with("sha1"),
    "split": split,
    "strftime": strftime,
    "ternary": Judging(ternary),
    "to_datetime": to_datetime,
    "to_uuid": to_uuid,
    "type_debug": lambda value: type(value).__name__,
    "unvault": _refuse("unvault", "is not carried out by this version"),
    "urldecode": lambda value: unquote_plus(str(value)),
    "urlsplit": url_parts,
    "vault": _refuse("vault", "is not carried out by this version"),
}
