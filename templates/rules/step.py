"""One step of the rules: from the state and an event to the state and the lines of the rule log.

A failure weighs according to what makes it suspicious. A source whose failures weigh 1 in total is
banned, by the jail of the rule that completed the sum. With the shipped settings:

    lockout        the FortiGate itself locked the source out                     1, for a day
    trap           a name that nobody has, or that is no name at all              1, for a week
    spray          a user whom three strange sources tried within a day           1, for a day
                   (strange: nobody logged in lately from its /16, or its IPv6 /48)
    unknown_user   any other name that never logged in                            1/2, for a week
    slow           no name at all                                                 1/3, for a day
    slow           a user, from a source where this user never logged in          1/4, for a day
    (none)         a user, from a source or a /24 where this user logged in       0

A new site knows nobody yet. In its first week, and always if FortiGates do not report logins, an unknown
name weighs a quarter of that, for a day, unless it is a trap or the FortiGate itself calls it unknown. A name
of ``detection_known_users`` that has not logged in weighs half. A telephone that repeats the old password of
such a name weighs nothing; see telephones.py.

For two weeks after such a ban, failures of its source weigh twice as much, until somebody logs in from
there. That is needed because fail2ban lengthens the bans of each jail on its own.

A network in which three sources weigh 2 together within a week is banned, unless somebody logged in
from it lately. In an IPv6 /48 each /56 is one source, because a household has a /56. A source from which
somebody logged in lately is trusted: only ``trusted`` counts it.

With a database of autonomous systems, a system in which two sources weigh 1 together is banned as well,
except the networks of the database from which somebody logged in within thirty days. Three logins of
different users or from different sources spare all of it. All of an IPv6 /48 is one source there. The feed
holds such bans in quiet hours only; see hours.py.

The step uses no clock and no randomness: the same events give the same lines, so a service that was
killed continues where its checkpoint ends.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from banstitch_shared.eventlog import SUCCESS, Entry

from rules.failures import take_failure
from rules.hours import renew_quiet_hours
from rules.logins import take_success
from rules.outcomes import Alarm, Ban, Outcome, Pardon
from rules.settings import Settings
from rules.state import State, turn_back

__all__ = ["Alarm", "Ban", "Outcome", "Pardon", "step"]

# Seconds by which an event may be older than the one before; more is a clock that was set back.
OUT_OF_ORDER = 3600


def step(state: State, event: Entry, settings: Settings) -> list[Outcome]:
    """Take one event into the state, and return what follows from it."""
    detection = settings.detections.get(event.detection)
    if detection is None:
        return []
    if not state.first_at:
        state.first_at = event.at
    if event.at < state.last_at - OUT_OF_ORDER:
        turn_back(state, event.at)
    state.last_at = event.at
    renew_quiet_hours(state, event.at)
    if event.kind == SUCCESS:
        return take_success(state, event, detection, settings)
    return list(take_failure(state, event, detection, settings))
