"""Filters on strings, numbers and times."""

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

from provision.inventory.sandbox import AcceptsUndefined
from provision.inventory.variables import Misused, Unusable

_TRUE = ("yes", "on", "1", "1.0", "true", "t", "y")
_FALSE = ("no", "off", "0", "0.0", "false", "f", "n")


def to_bool(value: object) -> bool:
    """Return whether ``value`` is true for the filter `bool`, which accepts fewer spellings."""
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


def use_default(value: Any, fallback: Any = "", boolean: bool = False) -> Any:
    """Return ``fallback`` if ``value`` is undefined or, with ``boolean``, empty or false (`default`)."""
    if getattr(value, "broken", False):
        str(value)  # raises its own error
    if _is_undefined(value):
        return fallback
    return fallback if boolean and not value else value


def require_defined(value: Any, msg: str | None = None) -> Any:
    """Return ``value``; raise ``msg`` if it is undefined (`mandatory`)."""
    if _is_undefined(value) and msg is not None:
        raise Unusable(str(msg), "it is mandatory, and undefined")
    if _is_undefined(value):
        str(value)
    return value


def _is_undefined(value: Any) -> bool:
    return hasattr(value, "_undefined_hint")


def choose_value(value: Any, true: Any, false: Any, none: Any = None) -> Any:
    """Return ``true`` or ``false`` by the truth of ``value``, or ``none`` for `none` (`ternary`)."""
    if _is_undefined(value):
        return value
    if value is None and none is not None:
        return none
    return true if bool(value) else false


def split(value: Any, *arguments: Any) -> list[str]:
    """Split a string at white space, or at a separator."""
    return str(value).split(*arguments)


def encode_base64(value: Any, encoding: str = "utf-8") -> str:
    """Return a string in base64 (`b64encode`)."""
    return base64.b64encode(str(value).encode(encoding)).decode("ascii")


def decode_base64(value: Any, encoding: str = "utf-8") -> str:
    """Return the string of a text in base64 (`b64decode`)."""
    try:
        return base64.b64decode(str(value)).decode(encoding)
    except (binascii.Error, UnicodeError):
        raise Misused("it is not a text in base64") from None


def hash_text(value: Any, hashtype: str = "sha1") -> str:
    """Return a hexadecimal digest (`hash`)."""
    if hashtype not in hashlib.algorithms_guaranteed or hashtype.startswith("shake"):
        raise Misused("hash does not know this type")
    return hashlib.new(hashtype, str(value).encode(), usedforsecurity=False).hexdigest()


def _hash_with(hashtype: str) -> Callable[[Any], str]:
    return lambda value: hash_text(value, hashtype)


_UNITS = ("", "K", "M", "G", "T", "P", "E", "Z", "Y")


def format_size(size: Any, isbits: bool = False, unit: str | None = None) -> str:
    """Return a number of bytes or bits in ``unit``, by default the largest that fits (`human_readable`)."""
    number, base = float(size), "bits" if isbits else "Bytes"
    chosen = unit.upper().rstrip("B") if unit else None
    for exponent in range(len(_UNITS) - 1, -1, -1):
        letter = _UNITS[exponent]
        if (chosen is None and number >= 1024**exponent) or chosen == letter or exponent == 0:
            ending = f"{letter}{base[0]}" if letter else base
            return f"{number / 1024**exponent:.2f} {ending}"
    raise AssertionError


def parse_size(size: Any, default_unit: str | None = None, isbits: bool = False) -> int:
    """Return the number of bytes, or bits, in a size such as ``10M`` (`human_to_bytes`)."""
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


def get_now(utc: bool = False, fmt: str | None = None) -> Any:
    """Return the current time, as a string if ``fmt`` is given (`now`)."""
    time_now = datetime.datetime.now(datetime.UTC if utc else None).replace(tzinfo=None)
    return time_now.strftime(fmt) if fmt else time_now


def format_time(form: str, second: Any = None, utc: bool = False) -> str:
    """Return a time in the format ``form``; ``second`` counts from 1970, by default now (`strftime`)."""
    try:
        seconds = None if second is None else float(second)
        return time.strftime(form, time.gmtime(seconds) if utc else time.localtime(seconds))
    except (TypeError, ValueError):
        raise Unusable("strftime takes seconds since 1970", "bad time") from None


def to_datetime(value: Any, form: str = "%Y-%m-%d %H:%M:%S") -> datetime.datetime:
    """Return the time that a string gives in the format ``form``."""
    try:
        return datetime.datetime.strptime(str(value), form)
    except ValueError:
        raise Unusable("it is not a time in this format", "it is not a time") from None


def split_url(value: Any, query: str = "") -> Any:
    """Return the parts of a URL, or one of them (`urlsplit`)."""
    parts = urlsplit(str(value))
    names = ("scheme", "netloc", "path", "query", "fragment", "username", "password", "hostname")
    try:
        by_name = {name: getattr(parts, name) for name in (*names, "port")}
    except ValueError:
        raise Misused("it is not a URL") from None
    if query and query not in by_name:
        raise Misused("urlsplit does not know this part")
    return by_name[query] if query else by_name


def to_uuid(value: Any, namespace: str = "361E6D51-FAEC-444A-9079-341386DA8E2E") -> str:
    """Return the UUID of a string in a namespace (RFC 4122, version 5)."""
    return str(uuid.uuid5(uuid.UUID(namespace), str(value)))


def comment_out(text: Any, style: str = "plain", decoration: str | None = None) -> str:
    """Return the lines of a text as comments (`comment`)."""
    marks = {"plain": "# ", "erlang": "% ", "c": "// "}
    if style not in marks:
        raise Unusable("comment knows the styles plain, erlang and c")
    mark = decoration if decoration is not None else marks[style]
    border = mark.rstrip()
    lines = [f"{mark}{line}".rstrip() for line in str(text).split("\n")]
    return "\n".join([border, *lines, border])


def raise_to_power(value: float, exponent: float) -> float:
    """Return ``value`` to the power of ``exponent``, as a float (`pow`)."""
    return math.pow(value, exponent)


def log(value: float, base: float = math.e) -> float:
    """Return the logarithm of ``value``."""
    return math.log10(value) if base == 10 else math.log(value, base)


def take_root(value: float, base: float = 2) -> float:
    """Return the square root of ``value``, or the root of degree ``base`` (`root`)."""
    return math.sqrt(value) if base == 2 else math.pow(value, 1.0 / float(base))


def _refuse(name: str, why: str) -> Callable[..., NoReturn]:
    """Return a filter that Ansible has and that always fails here."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise Misused(f"the filter {name} {why}")

    return refuse


FILTERS: dict[str, Callable[..., Any] | AcceptsUndefined] = {
    "b64decode": decode_base64,
    "b64encode": encode_base64,
    "bool": to_bool,
    "checksum": _hash_with("sha1"),
    "comment": comment_out,
    "d": AcceptsUndefined(use_default),
    "default": AcceptsUndefined(use_default),
    "hash": hash_text,
    "human_readable": format_size,
    "human_to_bytes": parse_size,
    "log": log,
    "mandatory": AcceptsUndefined(require_defined),
    "md5": _hash_with("md5"),
    "password_hash": _refuse("password_hash", "yields another value each time"),
    "pow": raise_to_power,
    "quote": lambda value: shlex.quote("" if value is None else str(value)),
    "root": take_root,
    "sha1": _hash_with("sha1"),
    "split": split,
    "strftime": format_time,
    "ternary": AcceptsUndefined(choose_value),
    "to_datetime": to_datetime,
    "to_uuid": to_uuid,
    "type_debug": lambda value: type(value).__name__,
    "unvault": _refuse("unvault", "is not carried out by this version"),
    "urldecode": lambda value: unquote_plus(str(value)),
    "urlsplit": split_url,
    "vault": _refuse("vault", "is not carried out by this version"),
}
