"""From an event to a verdict: taken (which detection, which address) or ignored (why).

Managed by Banstitch: changes made here are overwritten.
"""

import fnmatch
import re

from receiver.lines import Malformed
from receiver.sources import canonical, embedded, refusal, source_of


NO_ADDRESS = ("", "N/A", "(null)")


def judge(event, detections, spared, documentation, ipv6_prefix):
    """What becomes of one event.

    ``spared``: addresses that are never taken, beside the detection's own ``ignore`` list.
    ``documentation``: whether addresses of the documentation ranges are taken. ``ipv6_prefix``: how many
    bits the IPv6 network of one attacker has.
    """
    log_id = event.only("logid")
    if not re.match(r"[0-9]{1,10}\Z", log_id):
        raise Malformed("the log id is no number")
    # ten digits are two of type, two of subtype and six of message id; a trigger names the latter
    wanted = [d for d in detections if int(log_id[-6:]) in d["log_ids"]]
    if not wanted:
        return {"outcome": "ignored", "reason": "no detection for this log id"}
    detection = wanted[0]
    unmet = [f for f, fits in detection["where"].items() if not some_fit(event, f, fits)]
    if unmet:
        return {"outcome": "ignored", "reason": "its %s is none that counts" % unmet[0]}
    value = address_text(event, detection)
    if value in NO_ADDRESS:
        return {"outcome": "ignored", "reason": "the event names no address"}
    address = canonical(value)
    reason = refusal(address, detection["ignore"], documentation)
    if reason or address in spared or embedded(address) in spared:
        return {"outcome": "ignored", "reason": "address is " + (reason or "one of this site's own")}
    source = source_of(address, ipv6_prefix, detection["ignore"], spared)
    return {"outcome": "taken", "detection": detection["name"], "address": source}


def some_fit(event, name, patterns):
    """Whether the field is there and fits a pattern; upper and lower case are the same."""
    if name not in event:
        return False
    value = event.only(name).lower()
    return any(fnmatch.fnmatchcase(value, pattern.lower()) for pattern in patterns)


def address_text(event, detection):
    """The field of the address; old FortiOS has it only inside another one: ui=ssh(192.0.2.1)."""
    name, around = detection["address_field"], detection["address_inside"]
    if not around or name in event:
        return event.only(name)
    inside = re.match(r"[A-Za-z]{1,20}\(([0-9A-Fa-f.:]{2,45})\)\Z", event.only(around))
    return inside.group(1) if inside else ""
