"""The live bans of a jail and what is remembered of past ones; each change is audited.

Managed by Banstitch: changes made here are overwritten. Loaded by banstitch.py beside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from banstitch_shared.ban_file import Ban, round_end

if TYPE_CHECKING:
    from banstitch_audit import Audit, Past

# Seconds by which fail2ban's clockwork may be late before we act in its place.
GRACE = 2.0
# So many addresses whose past is remembered.
MOST_KNOWN = 200000


class Note(NamedTuple):
    """Details for the audit: ``events`` are clean lines, ``trigger`` is the one that completed a ban."""

    why: str
    by: str
    events: Sequence[str] = ()
    trigger: str = ""


def spell_events(number: int) -> str:
    """Return why so many events led to a ban, for the audit."""
    return "1 event" if number == 1 else "%d events" % number


class Held:
    """The bans of one jail. Whoever looks at ``bans`` or calls anything but ``copy`` holds ``lock``."""

    def __init__(self, jail: str, audit: Audit) -> None:
        self.lock = threading.Lock()
        self.bans: dict[str, Ban] = {}
        # bans of the file that fail2ban has not restored yet
        self.unconfirmed: set[str] = set()
        self._jail = jail
        self._audit = audit
        self._past: Past = {}

    def begin(self, bans: dict[str, Ban], past: Past) -> None:
        """Begin with what an earlier server left."""
        self.bans = bans
        self.unconfirmed = set(bans)
        self._past = past

    def copy(self) -> dict[str, Ban]:
        """Return the bans of this moment."""
        with self.lock:
            return dict(self.bans)

    def forgiven(self, address: str) -> float:
        """Return when a ban was ended before its time, in epoch seconds; 0 if none was."""
        return self._past.get(address, (0, 0.0))[1]

    def is_new(self, address: str, now: float) -> bool:
        """Return whether to hold an address would be a new ban."""
        known = self.bans.get(address)
        return known is None or known.until <= now

    def hold(self, address: str, until: float, since: float, failures: int, note: Note) -> bool:
        """Ban an address and return whether that changes anything.

        Of two ends the later one counts, since fail2ban may restore a ban with a shorter time.
        """
        known = self.bans.get(address)
        if known is not None and self.is_new(address, time.time()):
            self.let_go(address, "expiry", "its time was over", "fail2ban")
            known = None
        if known is not None and until <= known.until + GRACE:
            return False
        if known is not None:
            ban, what = known._replace(until=until), "prolong"
        else:
            count = self._past.get(address, (0, 0.0))[0] + 1
            ban, what = Ban(address, until, since, int(failures), count), "ban"
            self._past[address] = (count, 0.0)
            while len(self._past) > MOST_KNOWN:
                del self._past[next(iter(self._past))]
        self.bans[address] = ban
        self._record(what, address, ban, note)
        return True

    def let_go(self, address: str, what: str, why: str, by: str) -> None:
        """End a ban: ``what`` is "expiry" or "unban"."""
        ban = self.bans.pop(address)
        self.unconfirmed.discard(address)
        self._past[address] = (ban.times, time.time() if what == "unban" else 0.0)
        self._record(what, address, ban, Note(why, by))

    def note_limit(self, fortigate: str, why: str) -> None:
        """Write into the audit that bans are refused from now on."""
        self._note("limit", "", Note(why, "banstitch"), fortigate=fortigate)

    def note_refusal(self, address: str, why: str) -> None:
        """Write into the audit that a ban is refused, because it would deny whom nobody may ban."""
        self._note("refused", address, Note(why, "banstitch"))

    def note(self, what: str, address: str, note: Note) -> None:
        """Write into the audit what is no ban, and concerns all jails."""
        self._note(what, address, note, jail="")

    def _note(self, what: str, address: str, note: Note, **more: str) -> None:
        entry = {"at": round(time.time(), 3), "what": what, "address": address, "jail": self._jail}
        self._audit.add({**entry, **more, "why": note.why, "by": note.by})

    def _record(self, what: str, address: str, ban: Ban, note: Note) -> None:
        entry: dict[str, object] = {"at": round(time.time(), 3), "what": what, "address": address}
        entry.update(jail=self._jail, until=round_end(ban.until), why=note.why, by=note.by)
        entry.update(since=int(ban.since), failures=ban.failures, count=ban.times)
        entry["events"] = note.events
        self._audit.add(entry, note.trigger if what == "ban" else "")
