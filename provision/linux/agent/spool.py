"""The ban files, one for each jail, that fail2ban's action keeps; see banstitch_shared/ban_file.py."""

from __future__ import annotations

import time
from collections.abc import Sequence

from banstitch_shared import jails
from banstitch_shared.ban_file import Ban, find_ban_file, list_jails, parse_bans

from provision.linux.agent.host import HostError, read


def read_bans(spool: str, jail: str) -> list[Ban]:
    """Return the bans in a jail's file, in its order.

    Raises:
        HostError: it is missing or damaged.
    """
    path = find_ban_file(spool, jail)
    raw = read(path)
    if raw is None:
        raise HostError(f"{path} is missing, so the bans are not known; check that fail2ban runs")
    try:
        return parse_bans(raw.decode("ascii", "replace"))
    except ValueError:
        remedy = "`fail2ban-client reload` writes it anew"
        raise HostError(f"{path} is damaged; {remedy}") from None


def read_live_bans(spool: str, jail: str) -> list[Ban]:
    """Return the unexpired bans of :func:`read_bans`: expired ones stay while fail2ban is down."""
    now = time.time()
    return [ban for ban in read_bans(spool, jail) if ban.until > now]


def count_live_bans(folders: Sequence[str]) -> dict[str, int | None]:
    """Return the number of bans of each of our jails with a file in ``folders``; None if it is damaged."""
    found = {jail: folder for folder in folders for jail in list_jails(folder)}
    ours = sorted(jail for jail in found if jail.startswith(jails.PREFIX))
    return {jail: _count_live(found[jail], jail) for jail in ours}


def _count_live(folder: str, jail: str) -> int | None:
    try:
        return len(read_live_bans(folder, jail))
    except HostError:
        return None
