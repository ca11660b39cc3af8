"""fail2ban's own memory of the bans of a jail: what it shows, restores and unbans by itself.

Managed by Banstitch: changes made here are overwritten. Loaded by banstitch.py beside it.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from banstitch_shared.addresses import spell_ban
from banstitch_shared.ban_file import FOREVER, Ban, compute_end, round_end
from fail2ban.server.ipdns import IPAddr
from fail2ban.server.ticket import FailTicket


class Memory:
    """The memory of one jail. Our own bans count, whatever fail2ban's inside looks like."""

    def __init__(self, jail: Any, log: logging.Logger) -> None:
        self._jail = jail
        self._log = log
        self._inside = threading.local()

    @property
    def forgets(self) -> bool:
        """Return whether this thread is in fail2ban because we made it forget a ban."""
        return bool(getattr(self._inside, "fail2ban", False))

    def hand_back(self, address: str, ban: Ban) -> None:
        """Let fail2ban hold what we hold, so that it shows it and can unban it."""
        ticket = FailTicket(address, ban.since)
        ticket.setBanTime(-1 if ban.until == FOREVER else round_end(ban.until) - int(ban.since))
        self._jail.putFailTicket(ticket)

    def forget(self, address: str, db: bool) -> None:
        """Have a ban forgotten; ``db``: by its database as well.

        Of a network as text that it does not hold, fail2ban 0.11 to 1.1 frees each address inside;
        of an IPAddr it frees that one entry (server/actions.py, removeBannedIP).
        """
        self._inside.fail2ban = True
        try:
            self._jail.actions.removeBannedIP(IPAddr(address), db=db, ifexists=True)
        except Exception:
            self._log.exception("cannot make fail2ban forget %s", address)
        finally:
            self._inside.fail2ban = False

    def bans(self) -> dict[str, Ban]:
        """Return the bans that fail2ban is about to restore one by one."""
        try:
            tickets = self._jail.database.getCurrentBans(jail=self._jail)
            bans = [make_ban(ticket) for ticket in tickets]
            return {ban.address: ban for ban in bans}
        except Exception:  # it restores them itself
            self._log.exception("cannot read fail2ban's own bans")
            return {}


def make_ban(ticket: Any) -> Ban:
    """Return the ban of a ticket of fail2ban."""
    began = ticket.getTime()
    end = compute_end(began, ticket.getBanTime())
    return Ban(spell_ban(ticket.getID()), end, began, ticket.getAttempt(), 1)
