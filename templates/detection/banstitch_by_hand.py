"""Bans and unbans by an operator: fail2ban-client set JAIL action banstitch METHOD JSON.

Answers are JSON: ``changed``, and ``said`` for the operator. OSError: it is not on disk.

Managed by Banstitch: changes made here are overwritten. Loaded by banstitch.py beside it.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from banstitch_shared.addresses import spell_ban
from banstitch_shared.ban_file import compute_end, format_end, round_end

if TYPE_CHECKING:
    from banstitch_held import Held, Note
    from banstitch_ignore import Ignoring
    from banstitch_keeper import Keeper
    from banstitch_memory import Memory

# Entries of the audit that are no bans.
NOTED = ("alarm", "allow", "unallow", "shield")
# Seconds. What ends in the year 10,000 or later has no date.
LONGEST_BAN = 100 * 366 * 86400


class ByHand:
    """Changes the bans of one jail for an operator."""

    def __init__(
        self, jail: Any, held: Held, memory: Memory, keeper: Keeper, ignoring: Ignoring
    ) -> None:
        self._jail = jail
        self._held = held
        self._memory = memory
        self._keeper = keeper
        self._ignoring = ignoring

    def ban(self, address: str, seconds: int | None, note: Note) -> str:
        """Ban for ``seconds`` (-1 for ever, None as the jail does); on disk when this returns.

        It changes nothing where a ban as long is there. ``until`` in epoch seconds, -1 for ever.
        """
        entry, now = spell_ban(address), time.time()
        protected = self._ignoring.find_overlap(entry)
        if protected:
            raise ValueError(self._ignoring.describe(entry, protected))
        seconds = int(self._jail.actions.getBanTime() if seconds is None else seconds)
        if seconds != -1 and not 1 <= seconds <= LONGEST_BAN:
            raise ValueError("a ban must last from 1 second to 100 years, or be -1 (permanent)")
        with self._held.lock:
            changed = self._held.hold(entry, compute_end(now, seconds), now, 0, note)
            ban = self._held.bans[entry]
            self._memory.hand_back(entry, ban)
        said = "%s is banned until %s" % (entry, format_end(ban.until))
        said += "" if changed else " already, and bans are not made shorter"
        self._write_at_once(said)
        return json.dumps({"changed": changed, "until": round_end(ban.until), "said": said})

    def unban(self, address: str, note: Note) -> str:
        """End a ban here and in fail2ban; it is on disk when this returns, so that it stays so."""
        entry = spell_ban(address)
        with self._held.lock:
            known = entry in self._held.bans
            if known:
                self._held.let_go(entry, "unban", note.why, note.by)
        self._memory.forget(entry, db=True)
        said = "%s is %s" % (entry, "unbanned" if known else "not banned")
        self._write_at_once(said)
        return json.dumps({"changed": known, "said": said})

    def note(self, what: str, address: str, note: Note) -> str:
        """Write into the audit what is no ban: an alarm, an allowance, or what became of the shield.

        ``address`` may be empty.

        Raises:
            ValueError: ``what`` is none of these.
        """
        if what not in NOTED:
            raise ValueError("the audit has no entries of this kind")
        self._held.note(what, spell_ban(address) if address else "", note)
        self._keeper.wake()
        return json.dumps({"changed": False, "said": note.why})

    def _write_at_once(self, said: str) -> None:
        self._keeper.wake()
        if not self._keeper.write_now():
            warning = (
                "%s in fail2ban, but that is not on disk yet: %s; it is tried again every second"
            )
            raise OSError(warning % (said, self._keeper.hindrance))
