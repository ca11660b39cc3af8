"""Commands about a FortiGate's surroundings, and the parsing of their answers: cluster, Security Fabric,
FortiManager, VDOMs, way of saving.

Sources: FortiOS CLI reference, KB 224116 (stitches in a fabric), KB 194054 (cfg-save), KB 225438 and 193259
(what FortiManager installs).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from provision.fortios.config.diff import get_values, read_attributes
from provision.fortios.config.object_id import is_scope
from provision.fortios.config.text import Config, Edit, ParseError, parse

# Each changes nothing, and is harmless on a FortiGate that does not know it.
HA = "get system ha status"
FABRIC = "get system csf"
SAVING = "get system global | grep cfg-save"
MANAGEMENT = "show system central-management"
VDOMS = "show system vdom-property"
INTERFACES = "show system interface"

_PRIMARY = re.compile(r"^(?:Primary|Master)\s*: *([^,\n]+)", re.MULTILINE)
# One member for each line; a second list of them has no names, and says "operating index".
_MEMBER = re.compile(
    r"^(Primary|Secondary|Master|Slave) *: *([^,\n]+),([^,\n]+),(?: *HA)? cluster index",
    re.MULTILINE,
)
_ACTIVE = ("Primary", "Master")
# A cluster has at most four members.
_MEMBERS_MOST = 4
_CURRENT = re.compile(r"^Current virtual domain\s*: *(\S+)", re.MULTILINE)
_HOME = re.compile(r'^[ \t]*set vdom "?([^"\s]+)', re.MULTILINE)
# A FortiGate has at most 500 VDOMs.
_VDOMS_MOST = 500
# Characters of a name or a number that a FortiGate reports about itself.
_LONGEST = 80


@dataclass(frozen=True)
class Member:
    """A member of a cluster. ``active``: whether it is the primary."""

    name: str
    serial: str
    active: bool


@dataclass(frozen=True)
class Surroundings:
    """The surroundings of a FortiGate.

    ``fabric_root``: the address of the FortiGate above it in its Security Fabric. ``saves_by_hand``: a
    restart loses changes that were not saved. ``manager``: the FortiManager that installs policy packages
    here. Each is empty if there is none, or if it is not shown.
    ``members``: those of its cluster.
    """

    fabric_root: str = ""
    saves_by_hand: bool = False
    manager: str = ""
    members: tuple[Member, ...] = ()


def list_commands(is_clustered: bool) -> tuple[str, ...]:
    """Return the commands that :func:`read_surroundings` reads the answers of."""
    return (FABRIC, SAVING, MANAGEMENT, *((HA,) if is_clustered else ()))


def read_surroundings(answers: Sequence[str]) -> Surroundings:
    """Return what the ``answers`` to the commands of :func:`list_commands` say."""
    fabric, saving, management, *ha = answers
    return Surroundings(
        find_fabric_root(fabric),
        needs_manual_save(saving),
        find_manager(management),
        tuple(member for answer in ha for member in find_members(answer)),
    )


def with_scope(scope: str, command: str) -> str:
    """Return ``command`` as typed outside every scope. Unlike `edit`, `sudo` never makes a VDOM."""
    return f"sudo {scope} {command}" if scope else command


def parse_fields(answer: str) -> dict[str, str]:
    """Return the fields that `get` printed, one `name: value` on each line."""
    pairs = (line.partition(":") for line in answer.splitlines() if not line[:1].isspace())
    return {name.rstrip(): value.strip() for name, colon, value in pairs if colon}


def find_primary(ha_status: str) -> str:
    """Return the name of a cluster's primary; empty if it is not shown."""
    match = _PRIMARY.search(ha_status)
    return shorten(match[1].strip()) if match else ""


def find_members(ha_status: str) -> tuple[Member, ...]:
    """Return the members of a cluster, as its primary lists them."""
    found = (
        Member(shorten(name.strip()), shorten(serial.strip()), role in _ACTIVE)
        for role, name, serial in _MEMBER.findall(ha_status)
    )
    return tuple(found)[:_MEMBERS_MOST]


def find_fabric_root(csf: str) -> str:
    """Return the address of the FortiGate above this one in its Security Fabric; empty if there is none."""
    fields = parse_fields(csf)
    if fields.get("status") != "enable":
        return ""
    above = fields.get("upstream") or fields.get("upstream-ip") or ""
    return "" if above == "0.0.0.0" else shorten(above.strip('"'))  # noqa: S104 - FortiOS for "none"


def find_manager(shown: str) -> str:
    """Return the FortiManager that installs policy packages on a FortiGate; empty if none does.

    One that only keeps backups, or that must not push, installs nothing. An address without a type counts:
    it is not documented for all versions which type is the default, which `show` leaves out.
    """
    try:
        tree = parse(shown)
    except ParseError:
        return ""
    bodies = (node.body for node in tree if isinstance(node, Config))
    attributes = read_attributes(next(bodies, ()))
    found = {name: " ".join(get_values(words)) for name, words in attributes.items()}
    address = shorten(found.get("fmg", "").strip("\"'"))
    if found.get("type", "fortimanager" if address else "") != "fortimanager":
        return ""
    if found.get("mode") == "backup" or found.get("allow-push-configuration") == "disable":
        return ""
    return address or shorten(found.get("serial-number", "")) or "an unknown address"


def describe_manager(manager: str) -> str:
    """Return the warning about a FortiGate that a FortiManager manages; empty if none does."""
    if not manager:
        return ""
    return (
        f"it is managed by FortiManager ({manager}), which takes over changes made here by itself, except"
        " those of policies: its next install of a policy package removes policies that the package does"
        " not have, and may remove a feed or a service that no policy of the package uses"
    )


def shorten(text: str) -> str:
    """Return a FortiGate's text about itself as a short text of printable characters."""
    return "".join(char if char.isprintable() else "?" for char in text[:_LONGEST])


def needs_manual_save(answer: str) -> bool:
    """Return whether a restart loses changes that were not saved (`cfg-save` manual, revert)."""
    return parse_fields(answer).get("cfg-save") in ("manual", "revert")


def parse_vdom_names(answer: str) -> tuple[str, ...]:
    """Return the names of all VDOMs, from their entries of properties; () if none are shown."""
    try:
        tree = parse(answer)
    except ParseError:
        return ()
    nodes = (node for config in tree if isinstance(config, Config) for node in config.body)
    return _keep_possible(node.key.value for node in nodes if isinstance(node, Edit))


def find_current_vdom(status: str) -> str:
    """Return the VDOM that answered `get system status`; empty if it names none."""
    match = _CURRENT.search(status)
    return match[1] if match else ""


def find_vdoms_in_use(status: str, interfaces: str) -> tuple[str, ...]:
    """Return the VDOMs that `get system status` and the interfaces name; there may be others."""
    return _keep_possible(_CURRENT.findall(status) + _HOME.findall(interfaces))


def _keep_possible(names: Iterable[str]) -> tuple[str, ...]:
    """Return the ``names`` that a VDOM can have, each once; no other name is ever typed."""
    return tuple(dict.fromkeys(filter(is_scope, names)))[:_VDOMS_MOST]
