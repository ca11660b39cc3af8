"""Find the bans that an unban of an address ends, and those that deny it all the same.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from banstitch_shared.addresses import Network, do_overlap, spell_network
from banstitch_shared.ban_file import Ban
from banstitch_shared.jails import bans_networks
from banstitch_shared.shared_bans import Imported
from banstitch_shared.times import format_minute

# Number of bans within a network that a note names.
_MOST_NAMED = 5


def is_meant(jail: str, ban: Ban, network: Network, wanted: Network) -> bool:
    """Return whether to unban ``wanted`` ends a ban of ``network``.

    A network that was banned for events of one source in it counts as that source. If an operator banned a
    network, or several sources in it caused the ban, only its own name unbans it.
    """
    if network == wanted:
        return True
    if bans_networks(jail) or network.version != wanted.version or not ban.failures:
        return False
    return network.prefixlen < wanted.prefixlen and network.overlaps(wanted)


def describe_remaining(others: Iterable[Network], wanted: Network) -> list[str]:
    """Return a note for each ban that still denies ``wanted`` or a part of it."""
    near = [network for network in others if do_overlap(network, wanted)]
    near.sort(key=lambda network: (int(network.network_address), network.prefixlen))
    notes = ["still denied: within %s" % n for n in near if n.prefixlen < wanted.prefixlen]
    held = [spell_network(network) for network in near if network.prefixlen > wanted.prefixlen]
    if held:
        notes.append("still denied within it: " + _name_some(held))
    return notes


def describe_shared(denied: Iterable[Imported], wanted: Network) -> list[str]:
    """Return a note for each ban of other sites that still denies ``wanted`` or a part of it."""
    notes = []
    for each in itertools.islice(denied, _MOST_NAMED):
        end = format_minute(each.until)
        text = "still denied: %s is shared by %s until %s UTC; allow %s to spare it here"
        # names are cut, so that the end of the note is never cut off
        sites = _name_some([name[:30] for name in each.sites])
        notes.append(text % (each.address, sites, end, spell_network(wanted)))
    return notes


def _name_some(names: Sequence[str]) -> str:
    """Return the first names, and the number of the others."""
    more = " and %d more" % (len(names) - _MOST_NAMED) if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
