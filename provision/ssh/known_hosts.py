"""Read known_hosts files as OpenSSH does (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

This module finds the lines about a host, and their kind. `host_keys.py` decides whether they make a key
trusted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from provision.errors import Problem

Marker = Literal["", "@cert-authority", "@revoked"]
Endpoint = tuple[str, int]  # address, port

KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)
# The most unreadable lines of a file that get a warning each: a file of another kind has thousands.
MOST_NAMED = 5


@dataclass(frozen=True)
class Line:
    """One key of a known_hosts file: ``names`` as written, ``blob`` in the format of RFC 4253."""

    file: Path
    number: int
    marker: Marker
    names: str
    key_type: str
    blob: bytes

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


@dataclass(frozen=True)
class Broken:
    """A line that is skipped, and the reason; ``names`` is empty if the line has none."""

    number: int
    names: str
    reason: str


@dataclass(frozen=True)
class Known:
    """The lines of known_hosts files about one host; ``name`` is its name in such files."""

    name: str
    keys: tuple[Line, ...] = ()
    authorities: tuple[Line, ...] = ()
    revoked: tuple[Line, ...] = ()
    # keys of the same name at port 22; OpenSSH trusts them at other ports that have no key of their own
    plain: tuple[Line, ...] = ()


def list_openssh_files() -> tuple[Path, ...]:
    """Return the files that OpenSSH's client reads by default."""
    own = Path("~/.ssh").expanduser()
    return (
        own / "known_hosts",
        own / "known_hosts2",
        Path("/etc/ssh/ssh_known_hosts"),
        Path("/etc/ssh/ssh_known_hosts2"),
    )


def format_name(address: str, port: int) -> str:
    """Return the name of an endpoint in known_hosts files: ``[example.org]:2222``."""
    return address.lower() if port == 22 else f"[{address.lower()}]:{port}"


def find_keys(files: Sequence[Path], address: str, port: int) -> Known:
    """Return the lines of ``files`` about the host at ``address`` and ``port``.

    Raises:
        OSError: the first file, which belongs to the inventory, cannot be read.
    """
    lines = list(read_lines(files[0])[0])
    for file in files[1:]:
        with suppress(OSError):  # `list_warnings` reports it
            lines += read_lines(file)[0]
    name = format_name(address, port)
    own = [line for line in lines if matches(line.names, name)]
    plain = [line for line in lines if port != 22 and matches(line.names, format_name(address, 22))]
    return Known(
        name,
        tuple(line for line in own if not line.marker),
        tuple(line for line in [*own, *plain] if line.marker == "@cert-authority"),
        tuple(line for line in [*own, *plain] if line.marker == "@revoked"),
        tuple(line for line in plain if not line.marker),
    )


def list_warnings(files: Sequence[Path], endpoints: Iterable[Endpoint]) -> list[Problem]:
    """Return a warning for each line that is skipped, and for each file that cannot be read.

    Of the first file, which belongs to the inventory, every line counts; of the others only lines about
    ``endpoints``.
    """
    names = {format_name(address, port) for address, port in endpoints}
    names |= {format_name(address, 22) for address, _ in endpoints}
    warnings: list[Problem] = []
    for file in files:
        try:
            broken = read_lines(file)[1]
        except OSError as error:
            warnings.append(Problem(str(file), 0, f"not read: {error.strerror}"))
            continue
        if file is not files[0]:
            broken = tuple(b for b in broken if any(matches(b.names, name) for name in names))
        warnings += [
            Problem(str(file), line.number, f"{line.reason}; line skipped")
            for line in broken[:MOST_NAMED]
        ]
        if len(broken) > MOST_NAMED:
            more = f"{len(broken) - MOST_NAMED} more lines were skipped"
            warnings.append(Problem(str(file), 0, more))
    return warnings


def read_lines(file: Path) -> tuple[tuple[Line, ...], tuple[Broken, ...]]:
    """Return the keys of ``file``, and the lines that are skipped; a missing file has neither.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        return _parse(file, file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return (), ()


@lru_cache(maxsize=16)
def _parse(file: Path, content: bytes) -> tuple[tuple[Line, ...], tuple[Broken, ...]]:
    lines: list[Line] = []
    broken: list[Broken] = []
    text = content.decode("utf-8-sig", "surrogateescape")
    for number, line in enumerate(text.split("\n"), 1):
        words = line.replace("\r", "").strip(" \t")
        if words and not words.startswith("#"):
            parsed = _parse_line(file, number, words)
            (lines if isinstance(parsed, Line) else broken).append(parsed)  # type: ignore[arg-type]
    return tuple(lines), tuple(broken)


def _parse_line(file: Path, number: int, line: str) -> Line | Broken:
    words = re.split(r"[ \t]+", line)
    marker: Marker = ""
    if words[0].startswith("@"):
        if words[0] not in ("@cert-authority", "@revoked"):
            return Broken(number, "", "the marker is unknown")
        marker = words.pop(0)  # type: ignore[assignment]
    names, key_type, encoded, *_ = [*words, "", "", ""]
    if not _NAMES.fullmatch(names) or not _TYPE.fullmatch(key_type):
        return Broken(number, names, "this is not a line of a known_hosts file")
    if key_type not in KEY_TYPES:
        return Broken(number, names, f"the key type {key_type} is not supported")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return Broken(number, names, "the key is damaged")
    if _read_type(blob) != key_type:
        return Broken(number, names, f"the key is damaged, or not of type {key_type}")
    return Line(file, number, marker, names, key_type, blob)


def _read_type(blob: bytes) -> str:
    try:
        return split_strings(blob)[0].decode("ascii", "replace")
    except (ValueError, IndexError):
        return ""


def split_strings(blob: bytes) -> list[bytes]:
    """Return the strings of RFC 4251 in ``blob``.

    Raises:
        ValueError: ``blob`` is not a sequence of such strings.
    """
    strings: list[bytes] = []
    end = 0
    while end < len(blob):
        begin = end + 4
        end = begin + int.from_bytes(blob[end:begin])
        if end > len(blob) or begin > len(blob):
            raise ValueError("a string is cut off")
        strings.append(blob[begin:end])
    return strings


# A hashed name is a field of its own; other names are printable.
_NAMES = re.compile(r"\|1\|[A-Za-z0-9+/]{27}=\|[A-Za-z0-9+/]{27}=|[^|\x00-\x20][^\x00-\x20]*")
_TYPE = re.compile(r"[a-z][a-z0-9@.-]{0,63}")


def matches(names: str, host: str) -> bool:
    """Return whether the names of a line include ``host``, which must be in lower case."""
    if names.startswith("|"):
        return _is_hash_of(names, host)
    return matches_patterns(names.lower().split(","), host)


def matches_patterns(patterns: Iterable[str], name: str) -> bool:
    """Return whether ``name`` matches one of ``patterns``, and none of those that begin with `!`."""
    matched = False
    for pattern in patterns:
        if _matches_pattern(pattern.removeprefix("!"), name):
            if pattern.startswith("!"):
                return False
            matched = True
    return matched


def _is_hash_of(names: str, host: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in names.split("|")[2:4])
    except ValueError:
        return False
    return hmac.compare_digest(hmac.digest(salt, os.fsencode(host), hashlib.sha1), digest)


def _matches_pattern(pattern: str, host: str) -> bool:
    if "*" in pattern or "?" in pattern:
        return bool(_compile(pattern).fullmatch(host))
    return pattern == host


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> re.Pattern[str]:
    """Return a pattern with `*` and `?` as a regular expression; brackets have no special meaning."""
    wild = {"*": ".*", "?": "."}
    return re.compile(
        "".join(wild.get(letter) or re.escape(letter) for letter in pattern), re.DOTALL
    )
