"""The shield: the networks that the feed denies as well while banstitch-rules has raised it.

The file of banstitch-rules is data of a user who reads what attackers cause. So it counts only if the
inventory or an operator lets the shield rise. Addresses that are never banned are removed from its networks
here once more, and networks that need more than half of the feed are left out.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from banstitch_shared import shield_file
from banstitch_shared.addresses import (
    Network,
    Networks,
    parse_network,
    split_ban,
)
from banstitch_shared.looked_up import LookedUp
from banstitch_shared.ranges import cut_out
from banstitch_shared.shield_file import UP
from banstitch_shared.signatures import Signature, read_signature

if TYPE_CHECKING:
    from receiver.names import Names
    from receiver.settings import Config

# How many networks of the service are split, at most, to cut something out of them.
MOST_SPLIT = 1000


class Shield:
    """The shield that the service reports, as far as an operator allows it.

    ``never``: addresses and networks that it must not deny; ``names`` resolves those that are given by name.
    """

    def __init__(self, config: Config, never: Iterable[str], names: Names) -> None:
        self._folder = config["rules_memory"]
        self._setting = config["shield"]
        self._spool = config["spool"]
        self._never = [parse_network(text) for text in never]
        self._looked_up = LookedUp(config.get("looked_up", ""))
        self._names = names
        self._hosts = config["hosts"]
        # half of the feed: there is always room for bans
        self._most = config["feed_limit"] // 2
        self._seen: Signature | None = None
        self._known: shield_file.Shield | None = None
        # the last result, and the input from which it was computed
        self._made_from: object = None
        self._denied: tuple[str, ...] = ()

    def find(self, now: float) -> shield_file.Shield | None:
        """Return the shield that is up, or would be, or None."""
        seen = read_signature(os.path.join(self._folder, shield_file.NAME))
        if seen != self._seen:
            self._known, self._seen = shield_file.read_shield(self._folder, now), seen
        known = self._known if self._known and self._known.until > now else None
        return known if known is None or self._is_allowed(known.mode, now) else None

    def _is_allowed(self, mode: str, now: float) -> bool:
        """Return whether an operator lets the shield be up, or the inventory does."""
        if mode != UP:
            return self._setting != "off"
        order = shield_file.read_order(self._spool, now)
        return order.up if order else self._setting == "auto"

    def list_denied(self, now: float) -> tuple[str, ...]:
        """Return the networks that the feed denies now."""
        shield = self.find(now)
        if shield is None or shield.mode != UP:
            return ()
        addresses = frozenset(self._names.find_addresses(self._hosts))
        looked_up = self._looked_up.read()
        made_from = shield.networks, addresses, tuple(looked_up)
        if made_from != self._made_from:
            more = map(parse_network, (*map(str, addresses), *looked_up))
            never = [*self._never, *more]
            self._denied = exclude(shield.networks, never)
            self._made_from = made_from
        return self._denied if len(self._denied) <= self._most else ()

    def describe_loss(self, now: float) -> str:
        """Return a complaint if the feed has no room for the shield, or an empty string."""
        shield = self.find(now)
        if shield is None or shield.mode != UP or self.list_denied(now):
            return ""
        return "the shield is up and denies nobody: set receiver_feed_limit to %d or more" % (
            2 * len(self._denied)
        )


def exclude(networks: Iterable[str], never: Sequence[Network]) -> tuple[str, ...]:
    """Return networks without what is in ``never``, in the order of the feed.

    The service has left that out already, so few networks have to be split. MOST_SPLIT bounds the work.
    """
    spared, found, split = Networks((each, "never") for each in never), [], 0
    for text in dict.fromkeys(networks):
        place = split_ban(text)
        if not spared.find_around(*place) and not spared.find_within(*place):
            found.append(text)
        elif split < MOST_SPLIT:
            split += 1
            found += cut_out(parse_network(text), never)
    return tuple(sorted(found, key=split_ban))
