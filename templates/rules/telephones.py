"""Spare telephones that repeat an old password at a new site.

In its first week a site does not know yet who logs in from where, so such a telephone looks like somebody who
guesses. A ban would deny everybody at its address, which may be that of an office or of a carrier.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from banstitch_shared.eventlog import Entry

from rules.settings import DAY, Detection
from rules.standing import count_failures, name_repeated, name_repeats, note_failure
from rules.state import State
from rules.weights import count_sources, is_new_site, name_account

# The list of users who have telephones.
ACCOUNTS = "users"
# Seconds between two attempts: telephones make one every 30 seconds. People who mistype are faster.
PAUSE = 20
# Three hours of such attempts. Somebody who guesses one name, slowly, in the first week has as many.
MOST = 360
# Sources that may repeat one name within a day: the user's telephone, and one other device.
DEVICES = 2


def is_telephone(state: State, event: Entry, detection: Detection) -> bool:
    """Return whether a failure may be that of a telephone which repeats an old password, and count it.

    Its source has tried no other name, and few other sources have tried this one. Call it for names that may
    be those of users, before the failure of the source is counted.
    """
    if detection.accounts != ACCOUNTS or not is_new_site(state, event.at):
        return False
    user, last = name_account(detection, event.user), state.failures.get(event.address)
    failures = count_failures(state, event.address, event.at)
    repeats = name_repeats(event.address, user)
    # no pause gives a source more attempts
    repeated = note_failure(state, repeats, event.at, pause=float("inf"))
    devices = count_sources(state, name_repeated(user), event, DAY)
    is_slow = last is not None and event.at - last.last >= PAUSE
    return is_slow and devices <= DEVICES and failures < repeated <= MOST
