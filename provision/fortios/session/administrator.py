"""What the administrator that is logged in may do: of one VDOM or of all, and by which profile. Pure text.

Sources: FortiOS administration guide, administrator profiles; attribute schema of Fortinet's Ansible
collection 2.4.2 (`system accprofile`); KB 228076 (a custom profile needs `sysgrp read-write`).
"""

from __future__ import annotations

from provision.fortios.config.diff import get_values, read_attributes
from provision.fortios.config.text import Tree

# What has to be written, by the name of its group in a profile. Which of the first two governs
# automation and feeds is not documented for each version, so both are named.
_GROUPS = ("sysgrp", "secfabgrp", "fwgrp", "vpngrp")
_WRITES = frozenset({"read-write", "custom"})
NEEDED = "read-write for sysgrp, secfabgrp, fwgrp and vpngrp"

ADMIN = "system admin"
PROFILE = "system accprofile"
# Every FortiGate has these: where one is not shown, the profile hides it.
EVERYWHERE = frozenset(
    {
        "system automation-action",
        "system automation-trigger",
        "system automation-stitch",
        "system external-resource",
        "firewall policy",
    }
)


def profile_of(admin: Tree | None) -> str:
    """Return the name of the profile in what `show` prints of an administrator; empty if unknown."""
    return " ".join(get_values(read_attributes(admin or ()).get("accprofile", ())))


def lacking(profile: Tree | None) -> tuple[str, ...]:
    """Return the groups in which a profile cannot write; () where the profile is not shown."""
    if profile is None:
        return ()
    held = read_attributes(profile)
    return tuple(each for each in _GROUPS if not _WRITES & set(get_values(held.get(each, ()))))


def is_read_only(groups: tuple[str, ...]) -> bool:
    """Return whether a profile that lacks these ``groups`` can change nothing of ours."""
    return groups == _GROUPS


def of_one_vdom(user: str, vdom: str) -> tuple[str, str]:
    """Return the error about an administrator of one VDOM, and what to do."""
    where = f"VDOM {vdom}" if vdom else "one VDOM"
    return (
        f"{user} is an administrator of {where} only; automation is configured for all VDOMs at once, "
        "so a global administrator is needed",
        f"as a global administrator, type: config system admin / edit {user} / set accprofile "
        "super_admin / end (or a profile with 'set scope global' and "
        f"{NEEDED}); or name a global administrator in ansible_user",
    )
