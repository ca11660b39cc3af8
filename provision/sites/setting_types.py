"""Types that several roles' settings share: durations, ports, addresses."""

from __future__ import annotations

import errno
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from banstitch_shared.looked_up import MOST_SOURCES
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from provision.errors import InputError, Problem

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
FOREVER = -1
# The message of a value that is not of the kind that :class:`Expected` describes.
NOT_EXPECTED = "it is not valid"
# Seconds. A longer time is probably a typo, and its end may not be a valid date.
_LONGEST = 100 * 365 * 86400


class Unquoted(ValueError):
    """An error whose message quotes nothing of the value, so that it is printed even about a secret."""


@dataclass(frozen=True)
class Expected:
    """A mark for ``Annotated``: the values of a type, as an error describes them."""

    what: str
    # A number of seconds, which errors and pages spell as 10m.
    is_time: bool = False


def _parse_seconds(value: object) -> object:
    """Return the seconds of ``90``, ``"90"``, ``"90s"``, ``"10m"``, ``"7d"``, ``"1w"`` or ``"1h5m"``."""
    text = str(value).strip().lower()
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,15}|([0-9]{1,6}[smhdw])+", text):
        raise ValueError(NOT_EXPECTED)
    if text.lstrip("-").isdigit():
        return int(text)
    return sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([smhdw])", text))


def spell_duration(seconds: int) -> str:
    """Return ``seconds`` as a setting spells them: ``90s``, ``10m``, ``1w``; ``ever`` for -1."""
    if seconds == FOREVER:
        return "ever"
    unit = max((unit for unit in _UNITS if seconds % _UNITS[unit] == 0), key=_UNITS.__getitem__)
    return f"{seconds // _UNITS[unit]}{unit}"


def _parse_positive(value: object) -> object:
    seconds = _parse_seconds(value)
    if not isinstance(seconds, int) or seconds < 1:
        raise ValueError("it must be at least one second")
    if seconds > _LONGEST:
        raise ValueError("it must be at most 100 years")
    return seconds


def _parse_positive_or_forever(value: object) -> object:
    seconds = _parse_seconds(value)
    if isinstance(seconds, int) and seconds > _LONGEST:
        raise ValueError("it must be at most 100 years; write -1 for a permanent ban")
    return FOREVER if seconds == FOREVER else _parse_positive(value)


Duration = Annotated[
    int,
    BeforeValidator(_parse_positive),
    Expected("a time such as 90 (seconds), 90s, 10m, 12h, 7d or 1w", is_time=True),
]
DurationOrForever = Annotated[
    int,
    BeforeValidator(_parse_positive_or_forever),
    Expected("a time such as 90 (seconds), 10m, 12h, 7d or 1w, or -1 for ever", is_time=True),
]
Port = Annotated[int, Field(ge=1, le=65535)]


# `< > ( ) # ' "` are refused in names (FortiOS CLI reference, names); `$NAME` and `\\` are
# expanded or eaten by the CLI, and no key types a control character.
_NOT_IN_NAMES = re.compile(r"""[<>()#'"\\$\x00-\x1f\x7f]""")


def _limit_name(longest: int, may_be_empty: bool = False) -> AfterValidator:
    def check(value: str) -> str:
        if may_be_empty and not value:
            return value
        bad = _NOT_IN_NAMES.search(value)
        if bad:
            raise ValueError(f"{bad[0]!r} must not be part of a name on a FortiGate")
        if not value or value != value.strip():
            raise ValueError("it must not be empty, or begin or end with a blank")
        if len(value.encode()) > longest:
            raise ValueError(f"it must have at most {longest} bytes, which is what FortiOS accepts")
        return value

    return AfterValidator(check)


def _check_vdom_name(value: str) -> str:
    """Check a name that is typed without quotes (`sudo NAME show`); FortiOS allows no others either."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value):
        raise ValueError("the name of a VDOM must have only letters, digits, '-' and '_'")
    return value


# Sizes: attribute schema of Fortinet's Ansible collection; zones count as interfaces.
InterfaceName = Annotated[str, _limit_name(35), Expected("the name of an interface or a zone")]
# The name of an interface proper; FortiOS allows fewer characters than for a zone.
InterfaceOrEmpty = Annotated[
    str, _limit_name(15, may_be_empty=True), Expected("the name of an interface")
]
ServiceName = Annotated[str, _limit_name(79), Expected("the name of a service")]
VdomName = Annotated[
    str, _limit_name(31), AfterValidator(_check_vdom_name), Expected("the name of a VDOM")
]


def _require_text(value: object) -> str:
    """Reject numbers: a bare number is a valid address for Python (1 is 0.0.0.1)."""
    if not isinstance(value, str):
        raise ValueError(NOT_EXPECTED)
    return value.strip()


def _parse_address(value: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return value
    try:
        return ipaddress.ip_address(_require_text(value))
    except ValueError:
        raise ValueError(NOT_EXPECTED) from None


def _parse_ipv4_or_empty(value: object) -> str:
    address = value if value == "" else _parse_address(value)
    if isinstance(address, ipaddress.IPv6Address):
        raise ValueError(NOT_EXPECTED)
    return str(address)


def _parse_network(value: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return value
    text = _require_text(value)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(NOT_EXPECTED) from None
    if ipaddress.ip_interface(text).ip != network.network_address:
        raise ValueError(f"it is an address within the network {network}")
    return network


Address = Annotated[
    ipaddress.IPv4Address | ipaddress.IPv6Address,
    PlainValidator(_parse_address),
    Expected("an address such as 192.0.2.1 or 2001:db8::1"),
]
Ipv4OrEmpty = Annotated[
    str,
    PlainValidator(_parse_ipv4_or_empty),
    Expected("an IPv4 address such as 192.0.2.1"),
]
# An address alone is the network that holds only it.
Network = Annotated[
    ipaddress.IPv4Network | ipaddress.IPv6Network,
    PlainValidator(_parse_network),
    Expected("an address or a network such as 192.0.2.0/24 or 2001:db8::/32"),
]
Networks = tuple[Network, ...]
IgnoreEntries = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network | str, ...]


def _read_entry(value: object) -> Networks:
    """Return the network of one entry of an allow-list, or those of the file that it names."""
    text = _require_text(value)
    if not text.startswith("file:"):
        return (_parse_network(text),)
    return _read_networks(Path(text.removeprefix("file:")).expanduser())


def _read_networks(path: Path) -> Networks:
    """Read one address or network from each line; ``#`` begins a comment."""
    try:
        if path.exists() and not path.is_file():  # a device may never end
            raise OSError(errno.EINVAL, "it must be a regular file")
        lines = path.read_text(encoding="utf-8-sig").splitlines()  # Windows marks the beginning
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ValueError(f"{path} cannot be read: {why}") from None
    networks: list[Any] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        entry = line.partition("#")[0].strip()
        try:
            networks += [_parse_network(entry)] if entry else []
        except ValueError as error:
            problems.append(Problem(str(path), number, f"{entry!r}: {error}", _ALLOWED))
    if problems:
        raise InputError(problems)
    return tuple(networks)


def _read_entry_or_name(value: object) -> IgnoreEntries:
    """Return the networks of one entry, or the name or URL that the ban host looks up."""
    text = _require_text(value)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        return (_check_url(text),)
    return (text.lower(),) if _NAME.fullmatch(text) else _read_entry(text)


def _check_url(text: str) -> str:
    """Return the URL of a list, in ASCII.

    Raises:
        ValueError: it cannot be fetched, or holds a password, which every ban host would show.
    """
    url = urlsplit(text)
    if url.username is not None:
        raise ValueError("it must hold no user name and no password")
    named = url.hostname and _HOST.fullmatch(url.hostname)
    if url.scheme not in ("http", "https") or not (named and _URL.fullmatch(text)):
        raise ValueError("a URL must be like https://example.com/networks.txt")
    url.port  # noqa: B018 - raises ValueError where it is no port
    return text


def _merge(entries: Iterable[Networks]) -> Networks:
    return tuple(dict.fromkeys(network for entry in entries for network in entry))


def refuse_everybody(entries: IgnoreEntries) -> IgnoreEntries:
    """Return the entries of an ignore list.

    Raises:
        ValueError: one of them holds every address, so that nobody would ever be banned.
    """
    for entry in entries:
        if not isinstance(entry, str) and entry.prefixlen == 0:
            raise ValueError(f"{entry} would keep everybody from being banned")
    return entries


def _merge_all(entries: Iterable[IgnoreEntries]) -> IgnoreEntries:
    merged = tuple(dict.fromkeys(entry for entries_of_one in entries for entry in entries_of_one))
    if sum(isinstance(entry, str) for entry in merged) > MOST_SOURCES:
        raise ValueError(f"it must hold at most {MOST_SOURCES} host names and URLs")
    return merged


_ALLOWED = "write an address or a network such as 192.0.2.0/24"
# Host names whose last part cannot be one of an address; without a dot it is probably a typing error.
_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)+[A-Za-z]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_URL = re.compile(r"[!-~]{1,500}")
# Becomes Networks. A file is read on the operator's machine, when the inventory is checked.
AllowList = Annotated[
    tuple[
        Annotated[
            Any,
            PlainValidator(_read_entry),
            Expected("an address, a network such as 192.0.2.0/24, or file:PATH"),
        ],
        ...,
    ],
    AfterValidator(_merge),
]
# Becomes IgnoreEntries: networks, and the names and URLs that the ban host looks up.
IgnoreList = Annotated[
    tuple[
        Annotated[
            Any,
            PlainValidator(_read_entry_or_name),
            Expected(
                "an address, a network such as 192.0.2.0/24, a host name such as office.example.com, "
                "the URL of a list, or file:PATH"
            ),
        ],
        ...,
    ],
    AfterValidator(_merge_all),
    AfterValidator(refuse_everybody),
]
