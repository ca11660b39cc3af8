"""What `get system status` tells about a unit, and what is known about its version: rules as data."""

from __future__ import annotations

import re
from dataclasses import dataclass

# "Version: FortiGate-501E v7.4.8,build2795,250523 (GA.M)", as all of 5.2 to 8.0 print it
_VERSION = re.compile(r"^Version\s*:\s+(\S+) v(\d+)\.(\d+)\.(\d+),build(\d+)", re.MULTILINE)

# release trains whose syntax the templates and the schema were written for
SUPPORTED = frozenset({(7, 4)})


@dataclass(frozen=True)
class Facts:
    """One unit: ``version`` as (major, minor, patch); ``ha`` as the unit words it."""

    model: str
    version: tuple[int, int, int]
    build: int
    hostname: str
    serial: str
    vdoms: bool
    ha: str

    @property
    def is_secondary(self) -> bool:
        """A member of a cluster that must not be configured: its primary would overwrite it."""
        role = self.ha.partition(",")[2].strip().lower()
        return bool(role) and role.split()[0] not in ("primary", "master")


def read_facts(status: str) -> Facts | None:
    """The facts in the answer to `get system status`; None if it is no such answer."""
    version = _VERSION.search(status)
    fields = dict(re.findall(r"^([A-Z][^:\n]*?)\s*: *([^\n]*?) *$", status, re.MULTILINE))
    if not version or "Serial-Number" not in fields:
        return None
    major, minor, patch, build = map(int, version.groups()[1:])
    return Facts(
        model=version[1],
        version=(major, minor, patch),
        build=build,
        hostname=fields.get("Hostname", ""),
        serial=fields["Serial-Number"],
        vdoms=fields.get("Virtual domain configuration", "disable") != "disable",
        ha=fields.get("Current HA mode", "standalone"),
    )


def advice(facts: Facts) -> tuple[str, ...]:
    """What an operator should know about this version before anything is sent."""
    if facts.version[:2] in SUPPORTED:
        return ()
    known = ", ".join(f"{major}.{minor}" for major, minor in sorted(SUPPORTED))
    spelt = ".".join(map(str, facts.version))
    return (f"FortiOS {spelt} is not one this release was written for ({known}): read the plan",)
