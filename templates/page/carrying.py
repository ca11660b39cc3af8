"""Unban, allow and unallow one source, as root.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from banstitch_shared.action_client import call_action
from banstitch_shared.addresses import Network, do_overlap, parse_network
from banstitch_shared.allowances import (
    MOST,
    Allowance,
    find_allowances,
    format_allowances,
    read_allowances,
)
from banstitch_shared.ban_file import Ban, list_jails, salvage_file
from banstitch_shared.shared_bans import read_imported, select_touching
from banstitch_shared.times import format_minute
from banstitch_shared.unbans import describe_remaining, describe_shared, is_meant

from page.acts import BY, UNALLOW, UNBAN, Act
from page.settings import ADMIN, Settings

# The folder that a run of the controller locks while it changes the host.
STATE = "/var/lib/banstitch"
# Seconds for another run to end, and for fail2ban to end the bans of what was allowed.
TO_LOCK, TO_END = 10.0, 6.0
# Allowances of the page: operators need room, too.
MOST_OF_PAGE = MOST // 2
# Jail, ban, its network.
Held = tuple[str, Ban, Network]


class Refused(Exception):
    """The act is not carried out, for a reason that its author may read."""


def carry_out(settings: Settings, act: Act, now: float) -> list[str]:
    """Carry out an act, and return what became of it in sentences. Raises Refused, OSError."""
    if act.do == UNBAN:
        return unban(settings, act)
    if act.do == UNALLOW:
        with lock_host():
            return unallow(settings, act, now)
    with lock_host():
        said = allow(settings, act, now)
    return said + await_end_of_bans(settings.spool, parse_network(act.network))


def unban(settings: Settings, act: Act) -> list[str]:
    """End the bans that events of the source caused."""
    wanted, ended, left = parse_network(act.network), [], []
    for jail, ban, network in find_bans(settings.spool, wanted):
        if is_meant(jail, ban, network, wanted):
            details = {"address": ban.address, "by": BY + act.by, "why": act.why}
            call_action(jail, "unban_by_hand", details)
            ended.append(ban.address)
        else:
            left.append(network)
    said = ["%s was unbanned" % address for address in dict.fromkeys(ended)]
    still = describe_remaining(set(left), wanted)
    if not said:
        said = ["%s had no ban of its own" % act.network]
    if still:
        still.append("to free it anyway, allow it")
    shared = select_touching(read_imported(settings.shared, time.time()), wanted)
    return said + still + describe_shared(shared, wanted)


def allow(settings: Settings, act: Act, now: float) -> list[str]:
    """Allow the source until its time is over."""
    allowances = read_all(settings.spool, now)
    known = next((a for a in allowances if a.network == act.network), None)
    until = now + act.seconds
    if known is not None and known.until >= until:
        return ["%s is allowed already, and for longer" % act.network]
    own = sum(each.by.startswith(BY) for each in allowances)
    if known is None and (len(allowances) >= MOST or own >= MOST_OF_PAGE):
        raise Refused("there are %d allowances already; end some with unallow" % len(allowances))
    others = [a for a in allowances if a.network != act.network]
    if known is not None and not known.by.startswith(BY):
        raise Refused("an operator allowed %s: only the command line changes that" % act.network)
    new = Allowance(act.network, until, now, BY + act.by, act.why)
    write_all(settings.spool, [*others, new])
    note_in_audit(settings.spool, act)
    return ["%s is allowed until %s UTC" % (act.network, format_minute(until))]


def unallow(settings: Settings, act: Act, now: float) -> list[str]:
    """Take back an allowance that the page gave; support only its own."""
    allowances = read_all(settings.spool, now)
    known = next((a for a in allowances if a.network == act.network), None)
    if known is None:
        return ["%s was not allowed" % act.network]
    is_own = known.by == BY + act.by
    is_of_page = known.by.startswith(BY)
    if not is_own and not (is_of_page and settings.users[act.by].role == ADMIN):
        raise Refused("%s was allowed by %s: you cannot end that" % (act.network, known.by))
    write_all(settings.spool, [a for a in allowances if a.network != act.network])
    note_in_audit(settings.spool, act)
    return ["%s is no longer allowed" % act.network]


def find_bans(spool: str, wanted: Network) -> list[Held]:
    """Return the live bans that have addresses in common with a source."""
    now, found = time.time(), []
    text = str(wanted.network_address)
    for jail in list_jails(spool):
        for ban in salvage_file(spool, jail):
            # a hundred thousand others are passed over without a look at their bits
            if ban.until <= now or not (
                "/" in ban.address or ban.address == text or wanted.num_addresses > 1
            ):
                continue
            network = parse_network(ban.address)
            if do_overlap(network, wanted):
                found.append((jail, ban, network))
    return found


def await_end_of_bans(spool: str, wanted: Network) -> list[str]:
    """Return which bans fail2ban did not end in time."""
    until = time.monotonic() + TO_END
    while (left := find_bans(spool, wanted)) and time.monotonic() < until:
        time.sleep(0.2)
    return [
        "still banned: %s; ask an operator to look at fail2ban" % ban.address for _, ban, _ in left
    ]


def read_all(spool: str, now: float) -> list[Allowance]:
    """Return the allowances in force. Raises Refused, OSError."""
    try:
        return read_allowances(find_allowances(spool), now)
    except ValueError as error:
        raise Refused("%s; an operator must repair it" % error) from error


def write_all(spool: str, allowances: list[Allowance]) -> None:
    """Replace the file of allowances; its readers are those of the folder."""
    path = find_allowances(spool)
    how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path + ".new", how, 0o600), "w", encoding="utf-8") as stream:
        stream.write(format_allowances(allowances))
        stream.flush()
        os.fchown(stream.fileno(), -1, os.stat(spool).st_gid)
        os.fchmod(stream.fileno(), 0o640)
        os.fsync(stream.fileno())
    os.rename(path + ".new", path)


def note_in_audit(spool: str, act: Act) -> None:
    """Have fail2ban's action write it into the audit, which is its own. Raises OSError."""
    for jail in list_jails(spool)[:1]:
        details = {"what": act.do, "address": act.network, "by": BY + act.by, "why": act.why}
        call_action(jail, "note", details)


@contextlib.contextmanager
def lock_host() -> Iterator[None]:
    """Keep runs of the controller from changing the host meanwhile. Raises Refused, OSError."""
    folder = os.open(STATE, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + TO_LOCK
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Refused("the host is being changed; try again in a minute") from None
                time.sleep(0.1)
        yield
    finally:
        os.close(folder)
