"""The addresses behind names and URLs on the ignore list, as the service banstitch-watch found them.

    {"office.example.com": {"networks": ["203.0.113.9"], "at": EPOCH, "error": "", "tag": ""}, ...}

``at`` is the time of the last good answer, which counts until there is a newer one. The file belongs to the
user of that service, who reads what others answer. So it is read as data, and the bounds of an answer apply
to it as well: somebody who controls the service can spare 5000 small networks, but never everybody.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from banstitch_shared.addresses import Network, parse_network, spell_network
from banstitch_shared.signatures import Signature, read_signature

NAME = "looked_up.json"
# Names and URLs, and networks of all of them together.
MOST_SOURCES = 100
MOST = 5000
# The fewest bits of a network; no office has a wider one.
LEAST_BITS = {4: 16, 6: 32}
# Seconds after which an answer is stale.
STALE = 3600.0
# Bytes of the file, and characters of a text.
_LARGEST = 4 << 20
LONGEST = 500
# The largest time in epoch seconds.
_LATEST = 10**11


class Source(NamedTuple):
    """A name or a URL. ``error``: why the last try failed, or empty; ``tag``: the ETag of a list."""

    networks: tuple[str, ...] = ()
    at: float = 0.0
    error: str = ""
    tag: str = ""


class TooWide(ValueError):
    """A network is too wide to be spared."""


def check_network(text: str) -> Network:
    """Return the network of a text.

    Raises:
        TooWide: it is a network that is too wide.
        ValueError: it is no network.
    """
    network = parse_network(text)
    if network.prefixlen < LEAST_BITS[network.version]:
        raise TooWide("%s is too wide" % network)
    return network


def read_sources(path: str) -> dict[str, Source]:
    """Return the names and URLs with their answers; none where there is no such file.

    Raises:
        OSError, ValueError: the file cannot be read, or is damaged.
    """
    try:
        found = json.loads(_read(path))
        if not isinstance(found, dict) or len(found) > MOST_SOURCES:
            raise ValueError("it holds no names")
        sources = {str(name): _read_source(entry) for name, entry in found.items()}
    except FileNotFoundError:
        return {}
    except (LookupError, TypeError, RecursionError, OverflowError) as error:
        raise ValueError("%s is damaged" % path) from error
    if len(list_networks(sources)) > MOST:
        raise ValueError("%s holds more than %d networks" % (path, MOST))
    return sources


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ValueError("%s is not a regular file" % path)
        return stream.read(_LARGEST)


def _read_source(entry: Any) -> Source:
    networks = tuple(spell_network(check_network(str(text))) for text in entry["networks"])
    at = float(entry["at"])
    if not 0 <= at <= _LATEST:
        raise ValueError("%r is not a time" % at)
    return Source(networks, at, str(entry["error"])[:LONGEST], str(entry["tag"])[:LONGEST])


def format_sources(sources: Mapping[str, Source]) -> str:
    """Return the text of the file."""
    return json.dumps({name: source._asdict() for name, source in sources.items()}, indent=1) + "\n"


def list_networks(sources: Mapping[str, Source]) -> list[str]:
    """Return the networks of all names and URLs."""
    return [network for source in sources.values() for network in source.networks]


def list_stale(
    sources: Mapping[str, Source], names: Iterable[str], now: float
) -> list[tuple[str, Source]]:
    """Return those of ``names`` that have had no good answer for some time, or never had one."""
    known = [(name, sources.get(name, Source())) for name in names]
    return [(name, source) for name, source in known if now - source.at >= STALE]


class LookedUp:
    """The networks in the file, which is read again when it was replaced; an empty path means none."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._signature: Signature | None = None
        self._networks: list[str] = []

    def is_changed(self) -> bool:
        """Return whether the file was replaced since it was read."""
        return bool(self._path) and read_signature(self._path) != self._signature

    def read(self) -> list[str]:
        """Return the networks; if the file is damaged, those that were known before."""
        if self.is_changed():
            self._signature = read_signature(self._path)
            try:
                self._networks = list_networks(read_sources(self._path))
            except (OSError, ValueError):
                return self._networks
        return self._networks
