"""The part that fetches the bans of other sites, each from its own peer, with the certificates of a group.

A peer that answers with anything but a list of bans that rules could make is cut off until it does again:
what it offered before no longer counts after STALE seconds.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import glob
import http.client
import logging
import os
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Any, NamedTuple

from banstitch_shared.service import replace_lines
from banstitch_shared.shared_bans import (
    DOMAIN,
    LARGEST,
    PATH,
    PAUSE,
    find_answer,
    find_list,
    format_lines,
    read_list,
    read_site,
)
from banstitch_shared.visible import spell_hidden

from watch.deadline import Deadline
from watch.jobs import Job, Part

_NOT_MODIFIED = 304
# Characters of an ETag and of a line, and bytes that are read at once.
_LONGEST_TAG, _LONGEST_LINE, _PIECE = 100, 200, 1 << 16

log = logging.getLogger("banstitch-watch")


class Peer(NamedTuple):
    """A site of a group. ``certificate``: our own key and certificate; ``ca``: that of the group."""

    group: str
    site: str
    host: str
    port: int
    certificate: str
    ca: str


def connect(peer: Peer, deadline: Deadline) -> http.client.HTTPConnection:
    """Return a connection to a peer, which names the group and checks who answers.

    Raises:
        OSError, ValueError: it is not the site, or not one of the group.
    """
    connection = http.client.HTTPConnection(peer.host, peer.port)
    found = make_context(peer).wrap_socket(
        deadline.connect(peer.host, peer.port), server_hostname=peer.group + DOMAIN
    )
    connection.sock = found
    name = read_site(peer.group, found.getpeercert())
    if name != peer.site:
        connection.close()
        raise ValueError("another site answers there: %r" % name[:100])
    return connection


def make_context(peer: Peer) -> ssl.SSLContext:
    """Return a context that trusts the CA of the group alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the identity is checked instead, whatever the address is
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(peer.certificate)
    context.load_verify_locations(peer.ca)
    return context


class Puller:
    """The list of one peer, and the file that keeps it."""

    def __init__(self, folder: str, peer: Peer) -> None:
        self.path = find_list(folder, peer.group, peer.site)
        self._folder, self._peer = folder, peer
        self._tag = ""
        self._error = ""

    def pull(self) -> None:
        """Fetch the list, and keep it."""
        try:
            with tempfile.TemporaryFile(dir=self._folder) as fetched:
                if self._fetch(fetched):
                    fetched.seek(0)
                    # written anew: what a peer sends reaches the file in our own form only
                    bans = read_list(
                        iter(lambda: fetched.readline(_LONGEST_LINE).decode("ascii"), "")
                    )
                    replace_lines(self.path, format_lines(bans), 0o640)
            touch(find_answer(self.path))
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._refuse(str(error) or type(error).__name__)
            return
        if self._error:
            log.warning("site %s shares its bans again", self._peer.site)
            self._error = ""

    def _refuse(self, why: str) -> None:
        self._tag = ""
        if why != self._error:
            log.error(
                "ALARM: the bans of site %s (group %s) cannot be taken: %s",
                self._peer.site,
                self._peer.group,
                spell_hidden(why[:300]),
            )
            self._error = why

    def _fetch(self, stream: IO[bytes]) -> bool:
        """Fetch the list into a file, and return whether it is another one than the one that is kept."""
        headers = {"User-Agent": "banstitch-watch"}
        if self._tag and os.path.exists(self.path):
            headers["If-None-Match"] = self._tag
        with (
            Deadline() as deadline,
            contextlib.closing(connect(self._peer, deadline)) as connection,
        ):
            connection.request("GET", PATH + self._peer.group, headers=headers)
            response = connection.getresponse()
            if response.status == _NOT_MODIFIED and "If-None-Match" in headers:
                return False
            if response.status != 200:
                raise ValueError("it answers %d" % response.status)
            copy(response, stream)
        tag = response.headers.get("ETag") or ""
        self._tag = tag if len(tag) <= _LONGEST_TAG and tag.isascii() and tag.isprintable() else ""
        return True


def copy(response: http.client.HTTPResponse, stream: IO[bytes]) -> None:
    """Copy a list piece by piece: those of many peers at once would fill the memory. Raises ValueError."""
    for _ in range(LARGEST // _PIECE + 1):
        piece = response.read(_PIECE)
        if not piece:
            return
        stream.write(piece)
    raise ValueError("its list is larger than %d bytes" % LARGEST)


def touch(path: str) -> None:
    """Give a file the time of now. Raises OSError."""
    how = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(path, how, 0o640))
    os.utime(path)


def build_part(settings: Sequence[Mapping[str, Any]], memory: str) -> Part:
    """Return the part for these peers. What was kept of others is removed."""
    pullers = [(peer, Puller(memory, peer)) for peer in (Peer(**each) for each in settings)]
    remove_others(memory, {puller.path for _, puller in pullers})
    jobs = [
        Job("fetch bans of %s (%s)" % (peer.site, peer.group), puller.pull, PAUSE)
        for peer, puller in pullers
    ]
    return Part(jobs, lambda: None)


def remove_others(memory: str, kept: set[str]) -> None:
    """Remove the lists of sites that are no peers any more."""
    for path in glob.glob(os.path.join(glob.escape(memory), "shared+*")):
        if path not in kept and path not in map(find_answer, kept):
            with contextlib.suppress(OSError):
                os.unlink(path)
