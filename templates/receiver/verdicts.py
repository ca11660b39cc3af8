"""From an event to a verdict: taken (which detection, which address) or ignored (why).

Managed by Banstitch: changes made here are overwritten.
"""

import fnmatch
import ipaddress
import re

from receiver.lines import Malformed


def networks(text):
    return [ipaddress.ip_network(network) for network in text.split()]


# Written out, because what ipaddress calls private differs between Python versions.
REFUSED = [
    (reason, network)
    for reason, text in (
        ("unspecified", "0.0.0.0/8"),
        ("private", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10"),
        ("loopback", "127.0.0.0/8"),
        ("link-local", "169.254.0.0/16"),
        ("multicast", "224.0.0.0/4"),
        ("reserved", "192.0.0.0/24 192.88.99.0/24 198.18.0.0/15 240.0.0.0/4"),
        ("reserved", "2001::/23 2002::/16"),
    )
    for network in networks(text)
]
# RFC 5737, 3849, 9637: nobody has them, so that verify, labs and manuals may.
DOCUMENTATION = networks("192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20")
GLOBAL_V6 = ipaddress.ip_network("2000::/3")
NO_ADDRESS = ("", "N/A", "(null)")


def judge(event, detections, spared, documentation):
    """What becomes of one event.

    ``spared``: addresses that are never taken, beside the detection's own ``ignore`` list.
    ``documentation``: whether addresses of the documentation ranges are taken.
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
    if reason or address in spared:
        return {"outcome": "ignored", "reason": "address is " + (reason or "one of this site's own")}
    return {"outcome": "taken", "detection": detection["name"], "address": str(address)}


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


def canonical(text):
    """The address in its one spelling. Refuses what some Python versions let pass: 010.1.1.1, %zone."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise Malformed("the address field holds no address") from None
    if "%" in text or (address.version == 4 and str(address) != text):
        raise Malformed("the address field holds no plain address")
    return getattr(address, "ipv4_mapped", None) or address


def refusal(address, ignore, documentation):
    """Why an address must not be banned, or an empty string."""
    for reason, network in REFUSED:
        if address in network:
            return reason
    if address.version == 6 and address not in GLOBAL_V6:
        return "not a global address"
    if not documentation and any(address in network for network in DOCUMENTATION):
        return "a documentation address"
    if any(address in network for network in ignore):
        return "on the ignore list"
    return ""
