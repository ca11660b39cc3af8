"""Sites of a group on this machine: their certificates, the service that offers, and the one that takes."""

from __future__ import annotations

import importlib
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from provision.desired.share_certificates import derive_pair, make_authority, read_authority
from provision.desired.templates import TEMPLATES

sys.path += [str(TEMPLATES), str(TEMPLATES / "shared")]
JAIL = "banstitch-sslvpn_login_failed"
GROUP = "north"


def module(name: str) -> Any:
    """A module of the ban host, which is Python 3.9 and none of this project's imports."""
    return importlib.import_module(name)


class Authority:
    """The CA of a group, as the verb `share-ca` makes it."""

    def __init__(self, folder: Path, group: str = GROUP) -> None:
        self._folder, self._group = folder, group
        self.certificate, self.key = make_authority(group)
        self.path = folder / f"ca-{id(self)}.pem"
        self.path.write_text(self.certificate)

    def sign(self, site: str, group: str = "") -> str:
        """Return the path of the key and certificate of a site."""
        ca, key = read_authority(self.certificate, self.key)
        path = self._folder / f"{site}-{group or self._group}-{id(self)}.pem"
        path.write_text(derive_pair(ca, key, group or self._group, site))
        return str(path)


def write_bans(folder: Path, bans: dict[str, float], failures: int = 3, jail: str = JAIL) -> None:
    """Replace the ban file of a jail as fail2ban's action does."""
    since = int(time.time()) - 5
    lines = [f"{address} {until:.0f} {since} {failures} 1\n" for address, until in bans.items()]
    new = folder / "new"
    new.write_text(f"# banstitch 1\n{''.join(lines)}end {len(lines)}\n")
    new.rename(folder / f"{jail}.bans")


@contextmanager
def serve(
    groups: dict[str, dict[str, Any]],
    spool: Path,
    jails: list[str],
    known: Sequence[str] = (),
    port: int = 0,
) -> Iterator[int]:
    """Run the service that offers, and yield its port."""
    listener = socket.create_server(("127.0.0.1", port))
    offers = module("share.offers").Offers(str(spool), jails)
    server = module("share.server").Server(listener, groups, offers, known)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def describe_peer(authority: Authority, port: int, own: str = "b", site: str = "a") -> Any:
    """Return a peer as banstitch-watch of ``own`` knows it."""
    certificate = authority.sign(own)
    return module("watch.peers").Peer(
        GROUP, site, "127.0.0.1", port, certificate, str(authority.path)
    )


def read_taken(folder: Path, site: str = "a") -> list[str] | None:
    """Return the addresses that were taken from a site; None if nothing was, or its answer is missing."""
    shared = module("banstitch_shared.shared_bans")
    path = Path(shared.find_list(str(folder), GROUP, site))
    if not path.exists() or not Path(shared.find_answer(str(path))).exists():
        return None
    with path.open(encoding="ascii") as stream:
        return [ban.address for ban in shared.read_list(stream)]
