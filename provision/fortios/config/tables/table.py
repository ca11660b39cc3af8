"""One record for everything that Banstitch knows about one FortiOS table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# The beginning of the comments of our objects.
MARKER = "Managed by Banstitch"

# Set by the FortiGate itself; no two FortiGates agree on them (FortiOS CLI reference).
AUTOMATIC = frozenset({"uuid", "snmp-index"})

# Shown as `ENC <blob>`, with another blob each time (FortiOS CLI reference, "Passwords").
SECRET_NAMES = frozenset({"password", "passwd", "psksecret", "secret", "passphrase"})

# Attributes that refer to nothing.
PLAIN_TEXTS = frozenset({"name", "description", "comment", "comments"})

# The members of a list of addresses that singles nobody out (KB 339998).
EVERYBODY = frozenset({"all", ""})

# Patterns of one whole word.
OUR_NAME = r"banstitch_[a-z0-9_]{1,69}"
ANY_NAME = r".{1,79}"
TEXT = r".{0,1023}"
NUMBER = r"[0-9]{1,9}"
SWITCH = r"enable|disable"

# Attribute schema of Fortinet's Ansible collection and Terraform provider.
SCHEMA = "attribute schema of Fortinet's Ansible collection 2.4.2"
BOTH_SCHEMAS = "the same, and that of Fortinet's Terraform provider 1.25"

Patterns = Mapping[str, str]


@dataclass(frozen=True)
class Capability:
    """One thing that only some versions of FortiOS can do.

    ``versions``: ranges such as ``7.0.6-7.0, 7.2.1-`` (up to the end of 7.0; 7.2.1 and all later).
    ``without``: what Banstitch does instead, or what an operator can do. ``source``: the evidence.
    """

    name: str
    versions: str
    what: str
    without: str
    source: str


@dataclass(frozen=True)
class Table:
    """One table of FortiOS or one single object, by its path in the CLI.

    Our objects:
        ``keys``: pattern of their keys; "" for a single object, None if nothing in it is ever ours.
        ``mark``: attribute that begins with :data:`MARKER`; "" where the table has none.
        ``identified_by``: attribute that identifies an entry, where keys are mere numbers and the
        order of the entries decides; "" elsewhere.

    Where it exists, with VDOMs:
        ``scope``: once for all VDOMs, once in each, or both. ``global_path``: its other path where it
        is for all of them.

    How values compare. `show` leaves defaults out, so a default equals an absent attribute:
        ``defaults``: those of 7.4 (FortiOS CLI reference 7.4, attribute schema).
        ``automatic``: what the FortiGate sets itself, beside :data:`AUTOMATIC`.
        ``ordered``: attributes whose words have an order. ``pem``: texts in PEM form, in which line
        ends mean nothing.
        ``sizes``: bytes that an attribute holds; "" is the key (attribute schema).

    What goes back to its default although no template sets it, as it could break or weaken the loop:
        ``always_ours``: attributes; a name that ends in `*` stands for all that begin so.
        ``our_tables``: inner tables of which every row is ours.

    What a ban host's memory may restore. Everything in it may be forged, so the lists are closed:
        ``restores``: attribute to the pattern of each of its words. Secrets, `action-type`, scripts
        and profiles are left out on purpose. ``clears``: attributes that a restore may only unset.

    References:
        ``referrers``: tables whose entries may refer to its entries (attribute schema, "datasource").
        ``members``: attribute that lists addresses to the tables in which a member can be.
        ``deny_lists``: pairs of a list and a switch. With the switch on, the list names who is
        denied; with the switch off, who may enter (KB 339998).
        ``used_if``: attribute of a single object that must be set for it to do anything.

    What is kept of it, where it is read only:
        ``keeps``: the attributes of its entries; others may be secrets and are dropped once parsed.
        Empty: all of them.
    """

    path: str
    keys: str | None = None
    mark: str = ""
    identified_by: str = ""
    scope: Literal["vdom", "global", "both"] = "vdom"
    global_path: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)
    automatic: frozenset[str] = frozenset()
    ordered: frozenset[str] = frozenset()
    pem: frozenset[str] = frozenset()
    sizes: Mapping[str, int] = field(default_factory=dict)
    always_ours: tuple[str, ...] = ("*",)
    our_tables: frozenset[str] = frozenset()
    restores: Patterns = field(default_factory=dict)
    clears: frozenset[str] = frozenset()
    referrers: tuple[str, ...] = ()
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    deny_lists: tuple[tuple[str, str], ...] = ()
    used_if: str = ""
    keeps: frozenset[str] = frozenset()
    inner: tuple[Table, ...] = ()
    capabilities: tuple[Capability, ...] = ()

    @property
    def restorable_tables(self) -> dict[str, Patterns]:
        """The inner tables that memory may restore, with the patterns of their attributes."""
        return {table.path: table.restores for table in self.inner if table.restores}

    def is_automatic(self, attribute: str) -> bool:
        """Return whether the FortiGate itself sets the attribute."""
        return attribute in AUTOMATIC or attribute in self.automatic
