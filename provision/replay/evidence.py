"""Replay the events that a ban host has recorded itself, as its receiver judged them.

The ban host's answer can be forged, so each event is checked as `banstitch-rules` checks the event log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from banstitch_shared.addresses import is_spelled
from banstitch_shared.eventlog import SUCCESS, Entry, read_line
from banstitch_shared.tokens import VERIFY
from receiver.lines import Malformed
from receiver.sources import find_refusal, find_refusal_of_login, parse_address
from receiver.verdicts import Detection

from provision.replay.replay import Replay, SiteRules, replay_entries


def replay_evidence(site: str, lines: Iterable[str], rules: SiteRules) -> Replay:
    """Replay lines of a site's event log, in the order of their times.

    Events of detections that are off, and of addresses that are ignored now, do not count.
    """
    replay = Replay(site)
    entries = sorted(_read_entries(lines, rules, replay), key=lambda entry: entry.at)
    return replay_entries(replay, entries, rules)


def _read_entries(lines: Iterable[str], rules: SiteRules, replay: Replay) -> Iterator[Entry]:
    detections = {detection.name: detection for detection in rules.detections}
    for line in lines:
        try:
            entry = _read_entry(line)
        except (ValueError, Malformed):
            reason = "the line is not an event"
            replay.unreadable[reason] = replay.unreadable.get(reason, 0) + 1
            continue
        # the self-test is no attack
        if entry.fortigate != VERIFY and _counts(entry, detections.get(entry.detection)):
            yield entry
        else:
            replay.others += 1


def _read_entry(line: str) -> Entry:
    entry = read_line(line)
    if not is_spelled(entry.address):
        raise ValueError("the address must be in its one spelling")
    return entry


def _counts(entry: Entry, detection: Detection | None) -> bool:
    """Return whether the receiver would take an event with the settings of now."""
    if detection is None:
        return False
    address = parse_address(entry.address.partition("/")[0])
    if entry.kind == SUCCESS:
        return not find_refusal_of_login(address, detection.own)
    return not find_refusal(address, detection.ignore, True)
