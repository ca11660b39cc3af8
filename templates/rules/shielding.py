"""Raise and lower the shield: write the file from which the receiver serves what is denied.

An order of an operator takes precedence. Without one the shield is up while shield.py finds a spray and the
setting is ``auto``, except in the first week of a site, which knows too few networks yet.

The file is written when the shield rises or falls, and when its networks or its end change. Readers respect
the end in the file, so a dead service does not keep the shield up for longer.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import logging
import os
from typing import NamedTuple

from banstitch_shared.addresses import Networks, parse_network, split_ban
from banstitch_shared.allowances import find_allowances, read_allowances
from banstitch_shared.eventlog import FAILURE, Entry
from banstitch_shared.looked_up import LookedUp
from banstitch_shared.service import replace_file
from banstitch_shared.shield_file import (
    ALARM,
    NAME,
    UP,
    Order,
    Shield,
    format_shield,
    read_order,
    read_shield,
)

from rules import shield
from rules.settings import DAY, Settings
from rules.state import State

AUTO = "auto"
SERVICE = "banstitch-rules"
WHY = "%d addresses without a login failed within an hour" % shield.SOURCES
# Seconds for which a site is new.
NEW = 7 * DAY
# Seconds between two looks at the networks of a shield that is up, and at orders.
PAUSE, ORDER_PAUSE = 10.0, 1.0

log = logging.getLogger("banstitch-rules")


class Turn(NamedTuple):
    """The shield rose, fell, or would have risen. ``mode``: "up", "alarm" or "down"."""

    at: float
    mode: str
    until: float
    homes: int


class Shielding:
    """The file of the shield in ``memory``; orders and allowances are in ``spool``."""

    def __init__(self, memory: str, spool: str, settings: Settings, now: float) -> None:
        self._memory = memory
        self._spool = spool
        self._settings = settings
        self._spared = _label((*shield.NEVER, *settings.spared))
        self._looked_up = LookedUp(settings.looked_up)
        # the shield now, and as it was last written; before the first look the file may hold anything
        self._shield = read_shield(memory, now)
        self._written: Shield | None = None
        self._is_first = True
        self._looked_at = self._written_at = 0.0
        # the networks, and the input from which they were computed
        self._made_from: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self._denied: tuple[str, ...] = ()

    def count(self, state: State, entry: Entry) -> None:
        """Count an event that the shield would have kept out, while there is an alarm."""
        known = self._shield
        if known is None or known.mode != ALARM or entry.at <= known.counted_at:
            return
        is_home = shield.is_home(state, entry.address, entry.at, self._settings)
        if is_home or self._spared.find_around(*split_ban(entry.address)):
            return
        is_failure = entry.kind == FAILURE
        self._shield = known._replace(
            counted_at=entry.at,
            kept_out=known.kept_out + is_failure,
            denied=known.denied + (not is_failure),
        )

    def look(self, state: State, now: float) -> Turn | None:
        """Raise or lower the shield, and return the turn if its mode changed.

        Raises:
            OSError: the file cannot be written. The next look tries again.
        """
        if 0 <= now - self._looked_at < ORDER_PAUSE:
            return None
        self._looked_at = now
        wanted = choose(state, read_order(self._spool, now), self._settings.shield, now)
        known = self._shield
        is_same = _identify(wanted) == _identify(known)
        if is_same and not self._is_first and 0 <= now - self._written_at < PAUSE:
            return None
        if wanted is not None:
            wanted = self._complete(state, wanted, known if is_same else None, now)
        if wanted != self._written or self._is_first:
            self._write(wanted)
        self._shield = self._written = wanted
        self._written_at, self._is_first = now, False
        return None if is_same else _make_turn(wanted, now)

    def _complete(
        self,
        state: State,
        wanted: Shield,
        known: Shield | None,
        now: float,
    ) -> Shield:
        """Return the shield with its networks, or with what the alarm has counted so far."""
        homes = tuple(sorted(shield.list_homes(state, now, self._settings)))
        wanted = wanted._replace(homes=len(homes))
        if wanted.mode == UP:
            return wanted._replace(networks=self._list_denied(homes, now))
        if known is None:
            return wanted
        counts = {name: getattr(known, name) for name in ("kept_out", "denied", "counted_at")}
        return wanted._replace(**counts)

    def _list_denied(self, homes: tuple[str, ...], now: float) -> tuple[str, ...]:
        allowed = (*self._list_allowed(now), *self._looked_up.read())
        made_from = homes, (*self._settings.spared, *allowed)
        if made_from != self._made_from:
            self._denied = tuple(shield.list_denied_around(*made_from))
            self._made_from = made_from
        return self._denied

    def _list_allowed(self, now: float) -> list[str]:
        with contextlib.suppress(OSError, ValueError):
            return [each.network for each in read_allowances(find_allowances(self._spool), now)]
        return []

    def _write(self, wanted: Shield | None) -> None:
        path = os.path.join(self._memory, NAME)
        if wanted is not None:
            replace_file(path, format_shield(wanted), 0o640)
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def choose(
    state: State,
    order: Order | None,
    setting: str,
    now: float,
) -> Shield | None:
    """Return the shield that should be up, or would be, without its networks, or None."""
    if order is not None:
        return Shield(UP, order.since, order.until, order.by, order.why) if order.up else None
    is_new = now - state.first_at < NEW
    if setting == "off" or is_new or not shield.is_up(state, now):
        return None
    mode = UP if setting == AUTO else ALARM
    return Shield(mode, state.shield_since, state.shield_until, SERVICE, WHY)


def _identify(known: Shield | None) -> object:
    """Return the part of a shield that distinguishes it from another."""
    return known and (known.mode, known.since, known.by, known.why)


def _make_turn(wanted: Shield | None, now: float) -> Turn:
    if wanted is None:
        return Turn(now, "down", now, 0)
    return Turn(now, wanted.mode, wanted.until, wanted.homes)


def _label(texts: tuple[str, ...]) -> Networks:
    return Networks((parse_network(text), text) for text in texts)
