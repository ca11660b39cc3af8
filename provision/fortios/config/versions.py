"""What `get system status` tells about a unit, and what its version can do: rules as data.

Templates and the planner ask for a named feature (``unit.has("http_headers")``), never for a number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from provision.fortios.config.probes import parse_fields, shorten

Version = tuple[int, int, int]

# release trains whose syntax the rules below were written for
TRAINS = ((6, 4), (7, 0), (7, 2), (7, 4), (7, 6), (8, 0))
# what is assumed where no unit can be asked: the newest version that the tests run through
NEWEST: Version = (8, 0, 0)

# "Version: FortiGate-501E v7.4.8,build2795,250523 (GA.M)", as all of 5.2 to 8.0 print it
_VERSION = re.compile(
    r"^Version\s*: +(\S{1,64}) v(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?!\d)(?:,build(\d{1,9}))?",
    re.MULTILINE | re.ASCII,
)
_SPELT = re.compile(r"v?(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?")
_LAST = 10**6  # a patch that no train reaches: its end


@dataclass(frozen=True)
class Capability:
    """One thing that only some versions have.

    ``versions``: ranges such as ``7.0.6-7.0, 7.2.1-`` (up to the end of 7.0; 7.2.1 and all later).
    ``without``: what is done instead, or what an operator can do. ``source``: who says so.
    """

    feature: str
    versions: str
    what: str
    without: str
    source: str


_SCHEMA = "attribute schema of Fortinet's Ansible collection 2.4.2"
_BOTH = "the same, and that of Fortinet's Terraform provider 1.25"

CAPABILITIES = (
    Capability(
        "stitch_actions",
        "7.0.1-",
        "a stitch has a table 'config actions'",
        "a list 'set action', while required and delay belong to the action",
        _BOTH,
    ),
    Capability(
        "http_headers",
        "7.0.6-7.0, 7.2.1-",
        "a webhook has a table 'config http-headers'",
        "a list 'set headers' of \"Name:Value\"",
        _SCHEMA,
    ),
    Capability(
        "several_log_ids",
        "7.0-",
        "a trigger takes several log ids",
        "one trigger and one stitch for each log id",
        _SCHEMA,
    ),
    Capability(
        "description",
        "7.0-",
        "triggers, actions and stitches have a 'description'",
        "they are known by their names, which begin with banstitch_",
        _SCHEMA,
    ),
    Capability(
        "verify_host_cert",
        "7.0-",
        "a webhook can check the receiver's certificate ('verify-host-cert')",
        "the certificate is not checked",
        _SCHEMA,
    ),
    Capability(
        "uuid",
        "7.0-",
        "a feed has a 'uuid', made by the unit and never compared",
        "there is none",
        _SCHEMA,
    ),
    Capability(
        "server_identity_check",
        "7.0.8-7.0, 7.2.4-",
        "a feed can check the receiver's certificate ('server-identity-check')",
        "the certificate is not checked",
        _SCHEMA,
    ),
    Capability(
        "user_agent",
        "6.4.0-6.4.0, 6.4.4-",
        "a feed can name its 'user-agent'",
        "it calls itself curl/7.58.0",
        _SCHEMA,
    ),
    Capability(
        "feed_interface",
        "6.4.0-6.4.0, 6.4.4-",
        "a feed is fetched through a named interface ('interface-select-method', 'interface')",
        "routing decides; take feed_interface out, or set feed_source_ip",
        _SCHEMA,
    ),
    Capability(
        "feed_vrf",
        "7.6.1-",
        "a feed is fetched in a named VRF ('vrf-select')",
        "take feed_vrf out, or set feed_interface",
        _SCHEMA,
    ),
    Capability(
        "trigger_vdom",
        "7.2-",
        "a trigger can be limited to some VDOMs ('vdom')",
        "events of all its VDOMs count",
        _SCHEMA,
    ),
    Capability(
        "local_in_feed",
        "7.2.4-",
        "a local-in policy takes a feed as its source",
        "choose ssl_vpn, or policy with the VPN on a loopback interface",
        "KB 192354 (threat feeds in policies)",
    ),
    Capability(
        "local_in_interfaces",
        "7.4.2-",
        "a local-in policy stands for several interfaces",
        "one local-in policy for each interface",
        _SCHEMA,
    ),
    Capability(
        "local_in_logtraffic",
        "7.6-",
        "a local-in policy logs what it denies ('logtraffic')",
        "'set local-in-deny-unicast' in the log settings logs all of them",
        _SCHEMA,
    ),
    Capability(
        "virtual_ips_denied",
        "7.2.4-",
        "a deny policy also stands for virtual IPs unless told otherwise",
        "'match-vip' is set in the policy",
        "release notes of 7.2.4, changes in default values",
    ),
    Capability(
        "ssl_vpn_tunnel",
        "6.4-7.6.2",
        "SSL VPN has a tunnel mode",
        "SSL VPN has only its web mode left, where the model has it at all; failed IPsec logins "
        "have log ids of their own",
        "release notes of 7.6.3, SSL VPN tunnel mode no longer supported",
    ),
)
_RULES = {find_capability.feature: find_capability for find_capability in CAPABILITIES}


@dataclass(frozen=True)
class Facts:
    """One unit: ``version`` as (major, minor, patch); ``ha`` as the unit words it; ``build`` 0 and
    ``serial`` the hostname, or nothing, where it does not tell them.

    ``vdoms``: it is in multi-VDOM mode; ``vdom_names``: those that it listed, none otherwise.
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
        """A member of a cluster that must not be configured: its primary would overwrite it."""
        role = self.ha.partition(",")[2].strip().lower()
        return bool(role) and role.split()[0] not in ("primary", "master")

    @property
    def version_text(self) -> str:
        """The version as people write it."""
        return format_version(self.version)

    def has(self, feature: str) -> bool:
        """Whether its version has the ``feature`` of :data:`CAPABILITIES`; an unknown one is a KeyError."""
        return is_within(_RULES[feature].versions, self.version)


def find_capability(feature: str) -> Capability:
    """The rule about ``feature``."""
    return _RULES[feature]


def format_version(version: Version) -> str:
    """``version`` as people write it."""
    return ".".join(map(str, version))


def read_version(text: str) -> Version:
    """What ``text`` such as ``7.2.8`` or ``7.4`` (its first release) spells.

    Raises:
        ValueError: it spells no version.
    """
    found = _SPELT.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is no FortiOS version; write it like 7.2.8")
    return int(found[1]), int(found[2]), int(found[3] or 0)


def is_within(ranges: str, version: Version) -> bool:
    """Whether ``version`` is in ``ranges``; see :class:`Capability`."""
    return any(_in_range(each.strip(), version) for each in ranges.split(","))


def _in_range(text: str, version: Version) -> bool:
    first, _, last = text.partition("-")
    end = (*read_version(last)[:2], _LAST) if last.count(".") == 1 else None
    end = end or (read_version(last) if last else (_LAST, 0, 0))
    return read_version(first) <= version <= end


def assume_facts(version: Version, *vdoms: str) -> Facts:
    """Return a FortiGate that nobody asked, for `check` and `render`; ``vdoms``: it has these VDOMs.

    An empty name, or none, stands for a FortiGate without VDOMs.
    """
    vdom = vdoms[0] if vdoms else ""
    names = tuple(dict.fromkeys(("root", *vdoms))) if vdom else ()
    return Facts("FortiGate", version, 0, "", "", bool(vdom), "standalone", names)


def read_facts(status: str) -> Facts | None:
    """The facts in the answer to `get system status`; None if it is no such answer."""
    version = _VERSION.search(status)
    said = parse_fields(status)
    if not version:
        return None
    major, minor, patch, build = (int(each or 0) for each in version.groups()[1:])
    return Facts(
        model=shorten(version[1]),
        version=(major, minor, patch),
        build=build,
        hostname=shorten(said.get("Hostname", "")),
        serial=shorten(said.get("Serial-Number") or said.get("Hostname", "")),
        vdoms=said.get("Virtual domain configuration", "disable") != "disable",
        ha=shorten(said.get("Current HA mode", "standalone")),
    )


def explain_refusal(version: Version) -> str:
    """Why a unit of this ``version`` is not configured at all; empty if it is."""
    if version[:2] >= TRAINS[0]:
        return ""
    return (
        f"FortiOS {format_version(version)} is older than {_train(TRAINS[0])}: feeds in policies and the "
        "automation of such units differ, and Fortinet no longer mends them; upgrade it"
    )


def warn_of_unknown_version(facts: Facts) -> tuple[str, ...]:
    """What an operator should know about this version before anything is sent."""
    train = facts.version[:2]
    if train in TRAINS or explain_refusal(facts.version):
        return ()
    nearest = max(each for each in TRAINS if each < train)
    known = ", ".join(map(_train, TRAINS))
    return (
        f"FortiOS {facts.version_text} is not known to this release ({known} are): taken for "
        f"{_train(nearest)}, read the plan",
    )


def _train(train: tuple[int, int]) -> str:
    return f"{train[0]}.{train[1]}"
