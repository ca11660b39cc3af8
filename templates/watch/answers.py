"""Look up what a name or a URL stands for: the addresses of a name, or the networks of a list.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from banstitch_shared.addresses import spell_network
from banstitch_shared.looked_up import MOST, TooWide, check_network

from watch.deadline import Deadline
from watch.download import download

# What ends the address in a line of a list: a comment, or columns of its own.
_END = re.compile(r"[#;,\s]")


class Answer(NamedTuple):
    """A good answer. ``left_out``: its entries that do not count; ``tag``: the ETag of a list."""

    networks: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    tag: str = ""


def is_url(source: str) -> bool:
    """Return whether a source is a URL rather than a name."""
    return "://" in source


def look_up(source: str, tag: str) -> Answer | None:
    """Return what a name or a URL stands for now; None for a list that still has the ETag ``tag``.

    Raises:
        OSError, ValueError, http.client.HTTPException: there is no answer, or none that can be used.
    """
    if not is_url(source):
        return take(look_up_name(source))
    page = download(source, tag)
    return take(read_list(page.text))._replace(tag=page.tag) if page else None


def look_up_name(name: str) -> list[str]:
    """Return the addresses of a name. Raises OSError, ValueError."""
    with Deadline() as deadline:
        return sorted(deadline.look_up(name))


def read_list(text: str) -> Iterator[str]:
    """Yield the first word of each line of a list, apart from empty ones."""
    for line in text.splitlines():
        entry = _END.split(line.strip(), 1)[0]
        if entry:
            yield entry


def take(entries: Iterable[str]) -> Answer:
    """Return the addresses and networks of an answer that may be spared.

    Networks that are too wide are left out, and so are private addresses, which nobody bans.

    Raises:
        ValueError: something in it is no address, it holds too much, or nothing.
    """
    networks: dict[str, None] = {}
    left_out = []
    for entry in entries:
        try:
            network = check_network(entry.partition("%")[0])
        except TooWide:
            left_out.append("%s (too wide)" % entry)
            continue
        except ValueError:
            raise ValueError("it holds %r, which is not an address" % entry[:60]) from None
        if network.is_private or network.is_multicast:
            left_out.append("%s (not public)" % entry)
        else:
            networks[spell_network(network)] = None
    if len(networks) > MOST:
        raise ValueError("it holds more than %d networks" % MOST)
    if not networks:
        nothing = "it holds no public address"
        raise ValueError(nothing + (": %s" % ", ".join(left_out[:5]) if left_out else ""))
    return Answer(tuple(networks), tuple(left_out))
