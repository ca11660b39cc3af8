"""The live bans of a jail and what is remembered of past ones; each change is audited.

Managed by Banstitch: changes made here are overwritten. Loaded by banstitch.py beside it.
"""

import collections
import os
import threading
import time

from fail2ban.server.utils import Utils

here = os.path.dirname(__file__)
terms = Utils.load_python_module(os.path.join(here, "banstitch_terms.py"))
Ban, number = terms.Ban, terms.number

# Seconds by which fail2ban's clockwork may be late before we act in its place.
GRACE = 2.0
# So many addresses whose past is remembered.
MOST_KNOWN = 200000

# What the audit tells of a change: ``events`` are clean lines, ``trigger`` is the one that led to it
Note = collections.namedtuple("Note", "why by events trigger", defaults=((), ""))


class Held:
    """The bans of one jail. Whoever looks at ``bans`` or calls anything but ``copy`` holds ``lock``."""

    def __init__(self, jail, audit):
        self.lock = threading.Lock()
        self.bans = {}
        # bans of the file that fail2ban has not restored yet
        self.unconfirmed = set()
        self._jail = jail
        self._audit = audit
        # {address: (how often banned, when forgiven or 0)}
        self._past = {}

    def begin(self, bans, past):
        """With what an earlier server left."""
        self.bans = bans
        self.unconfirmed = set(bans)
        self._past = past

    def copy(self):
        with self.lock:
            return dict(self.bans)

    def forgiven(self, address):
        """Return when a ban was ended before its time, in epoch seconds; 0 if none was."""
        return self._past.get(address, (0, 0.0))[1]

    def is_new(self, address, now):
        """Return whether to hold an address would be a new ban."""
        known = self.bans.get(address)
        return known is None or known.until <= now

    def hold(self, address, until, since, failures, note):
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
            ban, what = Ban(until, since, int(failures), count), "ban"
            self._past[address] = (count, 0.0)
            while len(self._past) > MOST_KNOWN:
                del self._past[next(iter(self._past))]
        self.bans[address] = ban
        self._tell(what, address, ban, note)
        return True

    def let_go(self, address, what, why, by):
        ban = self.bans.pop(address)
        self.unconfirmed.discard(address)
        self._past[address] = (ban.count, time.time() if what == "unban" else 0.0)
        self._tell(what, address, ban, Note(why, by))

    def note_limit(self, fortigate, why):
        """Write into the audit that bans are refused from now on."""
        entry = {"at": round(time.time(), 3), "what": "limit", "address": "", "jail": self._jail}
        self._audit.add({**entry, "fortigate": fortigate, "why": why, "by": "banstitch"})

    def _tell(self, what, address, ban, note):
        entry = {"at": round(time.time(), 3), "what": what, "address": address}
        entry.update(jail=self._jail, until=number(ban.until), why=note.why, by=note.by)
        entry.update(since=int(ban.since), failures=ban.failures, count=ban.count)
        entry["events"] = note.events
        self._audit.add(entry, note.trigger if what == "ban" else "")
