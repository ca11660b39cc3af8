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

Version = tuple[int, int, int]

# Release trains that the capabilities describe.
TRAINS = ((6, 4), (7, 0), (7, 2), (7, 4), (7, 6), (8, 0))
# The version to assume where no FortiGate can be asked: the newest one that the tests run through.
NEWEST: Version = (8, 0, 0)

# "Version: FortiGate-501E v7.4.8,build2795,250523 (GA.M)", as all of 5.2 to 8.0 print it
_VERSION = re.compile(
    r"^Version\s*: +(\S{1,64}) v(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?!\d)(?:,build(\d{1,9}))?",
    re.MULTILINE | re.ASCII,
)
_WRITTEN = re.compile(r"v?(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?")
_LAST = 10**6  # a patch that no train reaches: its end


@dataclass(frozen=True)
class Facts:
    """A FortiGate's description of itself.

    ``version``: major, minor, patch. ``build`` is 0 if it is not shown. ``serial`` is the hostname
    if no serial number is shown, or "". ``ha``: the HA mode in FortiOS's words. ``vdoms``: whether
    multi-VDOM mode is on. ``vdom_names``: the VDOMs that it listed, () without VDOMs.
    """

    model: str
    version: Version
    build: int
    hostname: str
    serial: str
    vdoms: bool
    ha: str
    vdom_names: tuple[str, ...] = ()

    @property
    def is_secondary(self) -> bool:
        """True for a cluster member whose configuration the primary would overwrite."""
        role = self.ha.partition(",")[2].strip().lower()
        return bool(role) and role.split()[0] not in ("primary", "master")

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


def format_version(version: Version) -> str:
    """Return ``version`` as people write it."""
    return ".".join(map(str, version))


def read_version(text: str) -> Version:
    """Return the version that a text such as ``7.2.8`` or ``7.4`` (its first release) names.

    Raises:
        ValueError: ``text`` is not a version.
    """
    match = _WRITTEN.fullmatch(text.strip())
    if not match:
        raise ValueError(f"a FortiOS version must be like 7.2.8 (got {text!r})")
    return int(match[1]), int(match[2]), int(match[3] or 0)


def is_within(ranges: str, version: Version) -> bool:
    """Return whether ``version`` is in ``ranges``; see :class:`Capability` for their form."""
    return any(_is_in_range(one_range.strip(), version) for one_range in ranges.split(","))


def _is_in_range(text: str, version: Version) -> bool:
    first, _, last = text.partition("-")
    end = (*read_version(last)[:2], _LAST) if last.count(".") == 1 else None
    end = end or (read_version(last) if last else (_LAST, 0, 0))
    return read_version(first) <= version <= end


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


def explain_refusal(version: Version) -> str:
    """Return why Banstitch does not configure this ``version``; empty if it does."""
    if version[:2] >= TRAINS[0]:
        return ""
    return (
        f"FortiOS {format_version(version)} is older than {_format_train(TRAINS[0])}: its feeds in "
        "policies and its automation differ, and Fortinet no longer supports it; upgrade it"
    )


def warn_of_unknown_version(facts: Facts) -> tuple[str, ...]:
    """Return a warning if this release does not know the FortiGate's version, else ()."""
    train = facts.version[:2]
    if train in TRAINS or explain_refusal(facts.version):
        return ()
    nearest = max(known for known in TRAINS if known < train)
    return (
        f"FortiOS {facts.version_text} is not known to this release "
        f"({', '.join(map(_format_train, TRAINS))} are): taken for {_format_train(nearest)}, "
        "read the plan",
    )


def _format_train(train: tuple[int, int]) -> str:
    return f"{train[0]}.{train[1]}"
