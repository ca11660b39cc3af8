"""Types of the configuration file, which the inventory renders (config.py).

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from typing import TypedDict, Union

# Fields, such as "eapuser|xauthuser", and the patterns that one of them fits, or "a name", or "none".
Conditions = dict[str, Union[list[str], str]]


class DetectionConfig(TypedDict):
    """One detection of the site."""

    name: str
    jail: str
    # failures, logins that succeed, and events by which FortiOS itself locks an address out
    log_ids: list[int]
    success_ids: list[int]
    lockout_ids: list[int]
    address_field: str
    # the field that holds the address where an event has no such field; may be empty
    address_inside: str
    # the fields for a user name; the first that is a name counts
    user_fields: list[str]
    where: Conditions
    success_where: Conditions
    # addresses and networks of the site itself, whose logins say nothing
    own: list[str]
    # addresses and networks that are never banned
    ignore: list[str]


class ShareConfig(TypedDict):
    """The sharing of bans with other sites."""

    # the other sites of each group
    groups: dict[str, list[str]]
    # where banstitch-watch leaves what peers offer; and where the receiver leaves what it denies of it
    folder: str
    denied: str
    # addresses and networks that no peer can ban, and those of people who logged in
    never: list[str]
    trusted: str
    # bans of one peer, seconds that a ban lasts at most, and peers that must offer it
    limit: int
    ban_time: int
    minimum_sites: int


class Optionals(TypedDict, total=False):
    """Values that only some sites have."""

    share: ShareConfig

    # the file of the addresses behind names and URLs that are never banned
    looked_up: str


class Config(Optionals):
    """The whole configuration. Paths are absolute, sizes in bytes."""

    fortigates: list[str]
    detections: list[DetectionConfig]
    # addresses, networks and names that may post; None for everybody
    allow: list[str] | None
    # addresses and networks of the ban host itself
    own: list[str]
    # hosts of the site that the inventory knows by name
    hosts: list[str]
    ipv6_prefix: int
    readers: list[str]
    accept_documentation: bool
    # posts a second, and at once, of one FortiGate
    rate: int
    burst: int
    body_limit: int
    # entries of a list of the feed, and the lists that FortiGates of the site fetch
    feed_limit: int
    feed_lists: list[str]
    # off, alarm or auto
    shield: str
    status_page: bool
    # empty for plain http
    certificate: str
    digests: str
    events_log: str
    evidence_log: str
    rejected_log: str
    evidence_most: int
    rejected_most: int
    audit_log: str
    # what banstitch-rules remembers
    rules_memory: str
    # one for each rule of a detection
    jails: list[str]
    spool: str
    counts: str
    # what banstitch-watch judges
    facts: str
