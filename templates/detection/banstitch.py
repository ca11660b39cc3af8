"""fail2ban's action for Banstitch jails: it keeps the ban files that the receiver's feed is made from.

Managed by Banstitch: changes made here are overwritten. fail2ban 0.11 to 1.1 load this into the
server (``action = banstitch.py[...]``). One file a jail (banstitch_shared/ban_file.py). The receiver
leaves out what has expired, so an entry may stay too long there, but must never be missing: at stop
nothing is removed, at start what was there is kept, and where fail2ban's own database knows less
(lost, or cut down to the jail's ban time), fail2ban is told again.
"""

from __future__ import annotations

import grp
import os
import sys
import syslog
import time
from typing import Any

from fail2ban.server.action import ActionBase
from fail2ban.server.utils import Utils

_FOLDER = os.path.dirname(__file__)
if _FOLDER not in sys.path:
    sys.path.append(_FOLDER)

# fail2ban loads this file by its path, so only now they are found
from banstitch_shared.addresses import SELF_TEST, spell_ban  # noqa: E402
from banstitch_shared.allowances import find_allowances  # noqa: E402
from banstitch_shared.ban_file import (  # noqa: E402
    compute_end,
    find_ban_file,
    find_sign_of_life,
)


def load(name: str) -> Any:
    """Load another of our modules, from beside this one."""
    return Utils.load_python_module(os.path.join(_FOLDER, "banstitch_%s.py" % name))


held, keeper, memory, by_hand = map(load, ("held", "keeper", "memory", "by_hand"))
spool_files, audits, events_kept = map(load, ("spool", "audit", "evidence"))
bounds, limits, logs, ignore_lists = map(load, ("bounds", "limit", "logs", "ignore"))
Note = held.Note

# fail2ban looks for new lines, and then for new bans, up to 2 s after they came; ours at most this.
ALERT = 0.4
# So long after its last restored ban fail2ban has restored all that it will.
QUIET = 10.0
PROTECTED = "on the ignore list or allowed"  # why somebody is not banned, or no longer
# So many of a ban's events stand in the audit, the last ones.
MOST_EVENTS = 10


class Action(ActionBase):  # type: ignore[misc] # fail2ban has no types
    """The action of one jail."""

    def __init__(
        self,
        jail: Any,
        name: str,
        spool: str,
        audit: str,
        evidence: str,
        log: str,
        group: str,
        ban_limit: str = "50000",
        fortigates: str = "",
        ignore: str = "",
        earlier: str = "",
        looked_up: str = "",
    ) -> None:
        super().__init__(jail, name)
        gid = grp.getgrnam(group).gr_gid
        self._log = log
        before = find_ban_file(spool, earlier) if earlier else ""
        self._file = spool_files.BansFile(find_ban_file(spool, jail.name), gid, before)
        self._logs = logs.Logs(logs.LIMITS, gid)
        self._audit = audits.Audit(audit, gid, events_kept.Evidence(evidence))
        self._held = held.Held(jail.name, self._audit)
        self._memory = memory.Memory(jail, self._logSys)
        self._bounds = bounds.Bounds(jail, self._logSys)
        self._limit = limits.BanLimit(os.path.join(spool, "limit.json"), gid)
        self._limit.configure(int(ban_limit), fortigates.split())
        # when fail2ban restored the last ban
        self._restored_at = 0.0
        self._to_forget: list[str] = []
        self._look_at_ignored = True
        alive = spool_files.SignOfLife(find_sign_of_life(spool, jail.name), gid)
        self._keeper = self._make_keeper(alive)
        # before the log: whom it spares must not be banned by its first line
        files = (find_allowances(spool), looked_up)
        self._ignoring = ignore_lists.Ignoring(jail.filter, ignore.split(), *files)
        self._by_hand = by_hand.ByHand(jail, self._held, self._memory, self._keeper, self._ignoring)
        self._read_log()

    def _make_keeper(self, alive: Any) -> Any:
        return keeper.Keeper(
            self._file,
            self._held.copy,
            alive,
            self._audit,
            self._logs,
            self._look_over,
            self._logSys,
        )

    # --- what fail2ban calls --------------------------------------------------------------------

    # it asks for both before it keeps an action over a reload; without them it would flush it

    def clearAllParams(self) -> None:
        """Put the ignore list back, which fail2ban clears at a reload."""
        self._ignoring.put()

    def reload(
        self,
        ban_limit: str = "50000",
        fortigates: str = "",
        ignore: str = "",
        looked_up: str = "",
        **_: str,
    ) -> None:
        """Take new settings and keep the bans; those on the ignore list are ended."""
        self._ignoring.change(ignore.split(), looked_up)
        self._limit.configure(int(ban_limit), fortigates.split())
        self._read_log()
        self._look_at_ignored = True
        self._keeper.wake()

    def _read_log(self) -> None:
        """Have the jail read the event log, whatever state that is in: its other jails must start.

        The jail names no log in its file: fail2ban would open it before anybody has looked at it.
        """
        try:
            self._logs.prepare()
            logs.follow(self._jail, self._log)
        except Exception:  # fail2ban would give up the jail, and its bans with it
            self._logSys.exception("cannot read %s", self._log)

    @property
    def _prolongable(self) -> bool:
        return True

    def start(self) -> None:
        """Begin with the bans that an earlier server left."""
        self._bounds.start()
        bans, error = self._file.read()
        if error:
            self._logSys.warning("%s; fail2ban's own bans count", error)
            bans = {**self._memory.bans(), **bans}
        past = self._audit.past(self._jail.name)
        with self._held.lock:
            self._held.begin(bans, past)
            self._restored_at = time.time()
        self._look_at_ignored = True
        for thread in (self._jail.filter, self._jail.actions):
            thread.sleeptime = ALERT
        self._keeper.start()

    def stop(self) -> None:
        """Stop; the bans stay in the file."""
        self._bounds.stop()
        self._keeper.stop()

    def ban(self, info: Any) -> None:
        """Hold a ban of fail2ban, unless it must not be one."""
        address = spell_ban(info["ip"])
        until = compute_end(info["time"], info["bantime"])
        protected = self._ignoring.find_overlap(address)
        with self._held.lock:
            self._restored_at = time.time()
            self._held.unconfirmed.discard(address)
            if protected:
                # its filter asks the list for addresses; not for networks, nor does `set JAIL banip`
                if address not in self._held.bans:
                    self._held.note_refusal(address, self._ignoring.describe(address, protected))
                self._refuse(address, PROTECTED)
                return
            if info["time"] <= self._held.forgiven(address):
                self._refuse(address, "fail2ban read events again that were forgiven")
                return
            events = str(info["matches"]).splitlines()
            if self._is_over_limit(address, info, events):
                self._refuse(address, "over the limit of new bans")
                return
            note = Note(held.spell_events(info["failures"]), "fail2ban", events[-MOST_EVENTS:])
            if info["restored"]:
                note = note._replace(why="restored by fail2ban")
            elif not info["failures"]:  # `set JAIL banip`
                note = Note("banned in fail2ban", "fail2ban-client")
            elif events:
                note = note._replace(trigger=events[-1].strip())
            self._held.hold(address, until, info["time"], info["failures"], note)
        self._keeper.wake()

    reban = ban
    prolong = ban

    def _is_over_limit(self, address: str, info: Any, events: list[str]) -> bool:
        """Return whether events caused a new ban whose FortiGate may cause no more for now."""
        by_hand, new = not info["failures"], self._held.is_new(address, time.time())
        if info["restored"] or by_hand or not new or address == SELF_TEST:
            return False
        took = self._limit.take(events[-1].strip() if events else "", time.time())
        if took.first:
            why = self._limit.describe(took)
            self._held.note_limit(took.fortigate, why)
            syslog.syslog(syslog.LOG_WARNING, "banstitch: " + why)
        return not bool(took.allowed)

    def _refuse(self, address: str, why: str) -> None:
        """End a ban. The keeper makes fail2ban forget it, which is busy with it just now."""
        if address in self._held.bans:
            self._held.let_go(address, "unban", why, "banstitch")
        self._to_forget.append(address)
        self._keeper.wake()

    def unban(self, info: Any) -> None:
        """End a ban that fail2ban ended, or give it back if that was not meant."""
        address, now = spell_ban(info["ip"]), time.time()
        with self._held.lock:
            known = self._held.bans.get(address)
            if known is None:
                return
            expired = known.until <= now + held.GRACE
            too_early = compute_end(info["time"], info["bantime"]) <= now + held.GRACE
            if self._memory.forgets or (not expired and too_early):
                # freed with something that we made fail2ban forget, or restored with the jail's ban
                # time instead of its own, longer one
                self._memory.hand_back(address, known)
                return
            if expired:
                self._held.let_go(address, "expiry", "its time was over", "fail2ban")
            else:
                self._held.let_go(address, "unban", "unbanned in fail2ban", "fail2ban-client")
        self._keeper.wake()
        if not expired:
            self._keeper.write_now()

    def flush(self) -> bool:
        """End all bans, if the server goes on: fail2ban calls this for `unban --all` and at every stop.

        True tells fail2ban not to unban one by one.
        """
        if self._jail.actions.active:
            with self._held.lock:
                for address in list(self._held.bans):
                    self._held.let_go(
                        address, "unban", "unban --all in fail2ban", "fail2ban-client"
                    )
            self._keeper.wake()
            self._keeper.write_now()
        return True

    # --- what an operator calls: see banstitch_by_hand.py ---------------------------------------

    def ban_by_hand(
        self, address: str, seconds: int | None = None, by: str = "", why: str = ""
    ) -> str:
        """Ban an address for ``seconds``, and return the answer."""
        return str(self._by_hand.ban(address, seconds, Note(why, by)))

    def unban_by_hand(self, address: str, by: str = "", why: str = "") -> str:
        """Unban an address, and return the answer."""
        return str(self._by_hand.unban(address, Note(why, by)))

    def note(self, what: str, address: str, by: str = "", why: str = "") -> str:
        """Write an alarm or an allowance into the audit, and return the answer."""
        return str(self._by_hand.note(what, address, Note(why, by)))

    # --- what the keeper calls, once a second or more -------------------------------------------------

    def _look_over(self, now: float) -> None:
        with self._held.lock:
            late = [a for a, ban in self._held.bans.items() if ban.until < now - held.GRACE]
            for address in late:
                self._held.let_go(address, "expiry", "its time was over", "banstitch")
            is_due = self._look_at_ignored or self._ignoring.is_changed()
            allowed = self._list_ignored() if is_due else []
            self._look_at_ignored = False
            for address in allowed:
                self._held.let_go(address, "unban", PROTECTED + " by now", "banstitch")
            forgiven, self._to_forget = self._to_forget, []
            if self._held.unconfirmed and now - self._restored_at > QUIET:
                for address in self._held.unconfirmed:
                    self._memory.hand_back(address, self._held.bans[address])
                self._held.unconfirmed.clear()
        if late or allowed or self._file.missing():
            self._keeper.wake()
        for address in late:
            self._memory.forget(address, db=False)  # else it could not be banned anew
        for address in allowed + forgiven:
            self._memory.forget(address, db=True)
        self._bounds.trim()
        self._file.drop_earlier(now)

    def _list_ignored(self) -> list[str]:
        return [address for address in self._held.bans if self._ignoring.find_overlap(address)]
