"""Facts about a FortiGate from `get system status`, and what its version can do.

Templates and the planner ask for a capability by name (``fortigate.has("http_headers")``), never for a
version number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from provision.fortios.config.probes import parse_fields, shorten
from provision.fortios.config.tables import CAPABILITIES
from provision.fortios.config.tables.table import Capability
from provision.fortios.config.versions import (
    TRAINS,
    Version,
    explain_refusal,
    format_train,
    format_version,
    is_within,
)

# "Version: FortiGate-501E v7.4.8,build2795,250523 (GA.M)", as all of 5.2 to 8.0 print it
_VERSION = re.compile(
    r"^Version\s*: +(\S{1,64}) v(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?!\d)(?:,build(\d{1,9}))?",
    re.MULTILINE | re.ASCII,
)


@dataclass(frozen=True)
class Facts:
    """A FortiGate's description of itself.

    ``version``: major, minor, patch. ``build`` is 0 if it is not shown. ``serial`` is the hostname
    if no serial number is shown, or "". ``ha``: the HA mode in FortiOS's words. ``vdoms``: whether
    multi-VDOM mode is on. ``vdom_names``: the VDOMs that it listed, () without VDOMs. ``is_restricted``:
    the administrator's profile is not super_admin.
    """

    model: str
    version: Version
    build: int
    hostname: str
    serial: str
    vdoms: bool
    ha: str
    vdom_names: tuple[str, ...] = ()
    is_restricted: bool = False

    @property
    def is_secondary(self) -> bool:
        """True for a cluster member whose configuration the primary would overwrite."""
        role = self.ha.partition(",")[2].strip().lower()
        return bool(role) and role.split()[0] not in ("primary", "master")

    @property
    def is_clustered(self) -> bool:
        """True for a member of a cluster."""
        return self.ha.partition(",")[0].strip().lower() != "standalone"

    @property
    def version_text(self) -> str:
        """The version as people write it."""
        return format_version(self.version)

    def has(self, capability: str) -> bool:
        """Return whether its version has the ``capability``.

        Raises:
            KeyError: no table describes such a capability.
        """
        return is_within(find_capability(capability).versions, self.version)


def find_capability(name: str) -> Capability:
    """Return the capability of that name, or raise KeyError."""
    return CAPABILITIES[name]


def assume_facts(version: Version, *vdoms: str) -> Facts:
    """Return the facts of a FortiGate that nobody asked, for `check` and `render`.

    It has the VDOMs ``vdoms``; an empty name, or none, stands for a FortiGate without VDOMs.
    """
    vdom = vdoms[0] if vdoms else ""
    names = tuple(dict.fromkeys(("root", *vdoms))) if vdom else ()
    return Facts("FortiGate", version, 0, "", "", bool(vdom), "standalone", names)


def read_facts(status: str) -> Facts | None:
    """Return the facts in the answer to `get system status`; None if it is another answer."""
    version = _VERSION.search(status)
    fields = parse_fields(status)
    if not version:
        return None
    major, minor, patch, build = (int(number or 0) for number in version.groups()[1:])
    return Facts(
        model=shorten(version[1]),
        version=(major, minor, patch),
        build=build,
        hostname=shorten(fields.get("Hostname", "")),
        serial=shorten(fields.get("Serial-Number") or fields.get("Hostname", "")),
        vdoms=fields.get("Virtual domain configuration", "disable") != "disable",
        ha=shorten(fields.get("Current HA mode", "standalone")),
    )


def warn_of_unknown_version(facts: Facts) -> tuple[str, ...]:
    """Return a warning if this release does not know the FortiGate's version, else ()."""
    train = facts.version[:2]
    if train in TRAINS or explain_refusal(facts.version):
        return ()
    nearest = max(known for known in TRAINS if known < train)
    return (
        f"FortiOS {facts.version_text} is not known to this release "
        f"({', '.join(map(format_train, TRAINS))} are); it is treated as {format_train(nearest)}: "
        "read the plan with care",
    )
