"""What a unit tells about its surroundings: cluster, Security Fabric, VDOMs, how it saves. Pure text.

Sources: FortiOS CLI reference, KB 224116 (stitches in a fabric), KB 194054 (cfg-save).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from provision.fortios.config.object_id import is_scope
from provision.fortios.config.text import Config, Edit, ParseError, parse

# each changes nothing, and is harmless where it is unknown
HA = "get system ha status"
FABRIC = "get system csf"
SAVING = "get system global | grep cfg-save"
VDOMS = "show system vdom-property"
INTERFACES = "show system interface"

_PRIMARY = re.compile(r"^(?:Primary|Master)\s*: *([^,\n]+)", re.MULTILINE)
_CURRENT = re.compile(r"^Current virtual domain\s*: *(\S+)", re.MULTILINE)
_HOME = re.compile(r'^[ \t]*set vdom "?([^"\s]+)', re.MULTILINE)
# A FortiGate has at most 500 VDOMs.
_VDOMS_MOST = 500
# Characters of a name or a number that a FortiGate reports about itself.
_LONGEST = 80


def with_scope(scope: str, command: str) -> str:
    """``command``, to be typed outside every scope. Unlike `edit`, `sudo` never makes a VDOM."""
    return f"sudo {scope} {command}" if scope else command


def parse_fields(answer: str) -> dict[str, str]:
    """Return the fields in what `get` prints, a `name: value` on each line."""
    pairs = (line.partition(":") for line in answer.splitlines() if not line[:1].isspace())
    return {name.rstrip(): value.strip() for name, colon, value in pairs if colon}


def find_primary(ha_status: str) -> str:
    """The name of a cluster's primary, empty where it is not shown."""
    found = _PRIMARY.search(ha_status)
    return shorten(found[1].strip()) if found else ""


def find_fabric_root(csf: str) -> str:
    """The address of the unit above this one in its Security Fabric; empty: it is the root or alone."""
    said = parse_fields(csf)
    if said.get("status") != "enable":
        return ""
    above = said.get("upstream") or said.get("upstream-ip") or ""
    return "" if above == "0.0.0.0" else shorten(above.strip('"'))  # noqa: S104 - FortiOS for "none"


def shorten(said: str) -> str:
    """Return what a FortiGate reports about itself as a short text of printable characters."""
    return "".join(each if each.isprintable() else "?" for each in said[:_LONGEST])


def needs_manual_save(answer: str) -> bool:
    """Whether changes would be lost at a restart until they are saved (cfg-save manual, revert)."""
    return parse_fields(answer).get("cfg-save") in ("manual", "revert")


def parse_vdom_names(answer: str) -> tuple[str, ...]:
    """The names of all VDOMs, each of which has its entry of properties; () where none are shown."""
    try:
        tree = parse(answer)
    except ParseError:
        return ()
    edits = (each for node in tree if isinstance(node, Config) for each in node.body)
    return _possible(each.key.value for each in edits if isinstance(each, Edit))


def find_current_vdom(status: str) -> str:
    """Return the VDOM that `get system status` was asked in; empty where it names none."""
    found = _CURRENT.search(status)
    return found[1] if found else ""


def find_vdoms_in_use(status: str, interfaces: str) -> tuple[str, ...]:
    """The VDOMs that `get system status` and the interfaces name: those are there, if not all."""
    return _possible(_CURRENT.findall(status) + _HOME.findall(interfaces))


def _possible(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of ``names`` that can be a VDOM's, each once; no other name is ever entered."""
    return tuple(dict.fromkeys(filter(is_scope, names)))[:_VDOMS_MOST]
