"""Requests of an operator about alarms: list the active ones, test the channels, and note drift.

The files of banstitch-watch are read as data: see banstitch_shared/alarm_notes.py.
"""

from __future__ import annotations

import time

from banstitch_shared.alarm_notes import Drift, format_drift, read_active, read_tested

from provision.linux.agent import host, memory
from provision.linux.agent.bans import must_be_deployed
from provision.linux.agent.host import HostError, must, run
from provision.linux.agent.protocol.answers import ActiveAlarm, ActiveAlarms, Done
from provision.linux.agent.protocol.requests import ListAlarms, NoteDrift, TryChannels

# Seconds without a look after which the service is late, and seconds that a test may take.
LATE, PATIENCE = 180.0, 60.0
OFF = "alarms are off at this site: set a channel, or alarms: on"
DOWN = "banstitch-watch does not look at the site; see journalctl -u banstitch-watch"


def list_alarms(request: ListAlarms) -> ActiveAlarms:
    """Return the active alarms and the channels.

    Raises:
        HostError: nothing is deployed.
    """
    must_be_deployed()
    if not request.unit:
        return ActiveAlarms([], {}, [OFF])
    found = read_active(request.folder)
    if found is None:
        return ActiveAlarms([], {}, [DOWN])
    notes = [] if abs(time.time() - found.at) <= LATE else [DOWN]
    alarms = [ActiveAlarm(*alarm) for alarm in found.alarms]
    return ActiveAlarms(alarms, dict(found.channels), notes)


def try_channels(request: TryChannels) -> ActiveAlarms:
    """Have the service send a test through each channel, and return what came back.

    Raises:
        HostError: nothing is deployed, the service does not run, or it gives no answer.
    """
    must_be_deployed()
    if not request.unit:
        raise HostError(OFF)
    began = time.time()
    if run(["systemctl", "is-active", request.unit]).output.strip() != "active":
        raise HostError(DOWN)
    must(["systemctl", "kill", "-s", "USR1", "--kill-who=main", request.unit])
    while (found := read_tested(request.folder, began)) is None:
        if time.time() - began > PATIENCE:
            raise HostError(f"the test did not end within {PATIENCE:.0f} seconds; {DOWN}")
        time.sleep(0.2)
    return ActiveAlarms([], found, [] if found else ["there is no channel, so nothing was sent"])


def note_drift(request: NoteDrift) -> Done:
    """Leave the number of changes that `apply` would make for the alarms; 0 ends the alarm.

    Where nothing is deployed, there are no alarms, and nothing is written.
    """
    if memory.load() is None:
        return Done()
    text = format_drift(Drift(time.time(), request.by, request.changes)).encode()
    with memory.Lock(exclusive=True):
        host.write(request.path, text, 0o640, "root", request.group)
    return Done()
