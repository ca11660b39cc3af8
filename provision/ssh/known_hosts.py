"""Read known_hosts files as OpenSSH does (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

Lines are data here: which of them are about a host, and of which kind. `host_keys.py` decides what
follows from them.
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
# Lines that cannot be read are named one by one up to here: a file of another kind has thousands.
MOST_NAMED = 5


@dataclass(frozen=True)
class Line:
    """One key of a known_hosts file; ``names`` as written, ``blob`` in the form of RFC 4253."""

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
    """A line that is passed over, and why; ``names`` is empty where it has none."""

    number: int
    names: str
    why: str


@dataclass(frozen=True)
class Known:
    """What known_hosts files have about one host; ``name`` as they would name it."""

    name: str
    keys: tuple[Line, ...] = ()
    authorities: tuple[Line, ...] = ()
    revoked: tuple[Line, ...] = ()
    # keys of the same name at port 22; OpenSSH believes them at other ports that have no key of their own
    plain: tuple[Line, ...] = ()


def openssh_files() -> tuple[Path, ...]:
    """Return the files that OpenSSH's client reads by default."""
    own = Path("~/.ssh").expanduser()
    return (
        own / "known_hosts",
        own / "known_hosts2",
        Path("/etc/ssh/ssh_known_hosts"),
        Path("/etc/ssh/ssh_known_hosts2"),
    )


def host_name(address: str, port: int) -> str:
    """Return how known_hosts names an endpoint."""
    return address.lower() if port == 22 else f"[{address.lower()}]:{port}"


def look_up(files: Sequence[Path], address: str, port: int) -> Known:
    """Return what ``files`` have about the host at ``address`` and ``port``.

    Raises:
        OSError: the first of them, which belongs to the inventory, cannot be read.
    """
    lines = list(read(files[0])[0])
    for file in files[1:]:
        with suppress(OSError):  # of which `warnings` tells
            lines += read(file)[0]
    name = host_name(address, port)
    found = [line for line in lines if matches(line.names, name)]
    plain = [line for line in lines if port != 22 and matches(line.names, host_name(address, 22))]
    return Known(
        name,
        tuple(line for line in found if not line.marker),
        tuple(line for line in [*found, *plain] if line.marker == "@cert-authority"),
        tuple(line for line in [*found, *plain] if line.marker == "@revoked"),
        tuple(line for line in plain if not line.marker),
    )


def warnings(files: Sequence[Path], endpoints: Iterable[Endpoint]) -> list[Problem]:
    """Return a warning for each line that is skipped.

    Of the first file, which is the inventory's, that is every one; of the others those about ``endpoints``.
    """
    names = {host_name(address, port) for address, port in endpoints}
    names |= {host_name(address, 22) for address, _ in endpoints}
    found: list[Problem] = []
    for file in files:
        try:
            broken = read(file)[1]
        except OSError as error:
            found.append(Problem(str(file), 0, f"not read: {error.strerror}"))
            continue
        if file is not files[0]:
            broken = tuple(b for b in broken if any(matches(b.names, name) for name in names))
        found += [
            Problem(str(file), each.number, f"{each.why}; line skipped")
            for each in broken[:MOST_NAMED]
        ]
        if len(broken) > MOST_NAMED:
            found.append(
                Problem(str(file), 0, f"{len(broken) - MOST_NAMED} more lines were skipped")
            )
    return found


def read(file: Path) -> tuple[tuple[Line, ...], tuple[Broken, ...]]:
    """Return the lines of ``file``, and those that cannot be read; a missing file has none.

    Raises:
        OSError: it cannot be read.
    """
    try:
        return _read(file, file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return (), ()


@lru_cache(maxsize=16)
def _read(file: Path, content: bytes) -> tuple[tuple[Line, ...], tuple[Broken, ...]]:
    lines: list[Line] = []
    broken: list[Broken] = []
    text = content.decode("utf-8-sig", "surrogateescape")
    for number, line in enumerate(text.split("\n"), 1):
        words = line.replace("\r", "").strip(" \t")
        if words and not words.startswith("#"):
            each = _parse(file, number, words)
            (lines if isinstance(each, Line) else broken).append(each)  # type: ignore[arg-type]
    return tuple(lines), tuple(broken)


def _parse(file: Path, number: int, line: str) -> Line | Broken:
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
    if _type_of(blob) != key_type:
        return Broken(number, names, f"the key is damaged, or not of type {key_type}")
    return Line(file, number, marker, names, key_type, blob)


def _type_of(blob: bytes) -> str:
    try:
        return split(blob)[0].decode("ascii", "replace")
    except (ValueError, IndexError):
        return ""


def split(blob: bytes) -> list[bytes]:
    """Return the strings of RFC 4251 that ``blob`` consists of.

    Raises:
        ValueError: it does not consist of strings.
    """
    found: list[bytes] = []
    at = 0
    while at < len(blob):
        begin = at + 4
        at = begin + int.from_bytes(blob[at:begin])
        if at > len(blob) or begin > len(blob):
            raise ValueError("a string is cut off")
        found.append(blob[begin:at])
    return found


# A hash is one whole field; other names are printable and have no hash among them.
_NAMES = re.compile(r"\|1\|[A-Za-z0-9+/]{27}=\|[A-Za-z0-9+/]{27}=|[^|\x00-\x20][^\x00-\x20]*")
_TYPE = re.compile(r"[a-z][a-z0-9@.-]{0,63}")


def matches(names: str, host: str) -> bool:
    """Return whether the names of a line are about ``host``, which is in lower case."""
    if names.startswith("|"):
        return _is_hash_of(names, host)
    found = False
    for pattern in names.lower().split(","):
        if _fits(pattern.removeprefix("!"), host):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _is_hash_of(names: str, host: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in names.split("|")[2:4])
    except ValueError:
        return False
    return hmac.compare_digest(hmac.digest(salt, os.fsencode(host), hashlib.sha1), digest)


def _fits(pattern: str, host: str) -> bool:
    if "*" in pattern or "?" in pattern:
        return bool(_pattern(pattern).fullmatch(host))
    return pattern == host


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    """Return ``pattern`` with `*` and `?` as a regular expression; brackets are plain letters."""
    wild = {"*": ".*", "?": "."}
    return re.compile(
        "".join(wild.get(letter) or re.escape(letter) for letter in pattern), re.DOTALL
    )
