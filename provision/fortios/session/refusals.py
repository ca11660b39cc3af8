"""Recognize refusals of a FortiGate, their causes, and the rights that an administrator needs. Pure text.

Sources: FortiOS administration guide, administrator profiles; attribute schema of Fortinet's Ansible
collection 2.4.2 (`system accprofile`); KB 228076 (a custom profile needs `sysgrp read-write`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from provision.fortios.config.diff import get_values, read_attributes
from provision.fortios.config.text import Tree

# The end of a refusal that is kept, in characters: a real one has a few lines.
LONGEST = 2000

# Groups of a profile that have to be writable. Which of the first two governs automation and feeds is
# not documented for each version, so both are named.
_GROUPS = ("sysgrp", "secfabgrp", "fwgrp", "vpngrp")
_WRITES = frozenset({"read-write", "custom"})
NEEDED_RIGHTS = "read-write for sysgrp, secfabgrp, fwgrp and vpngrp"

ADMIN = "system admin"
PROFILE = "system accprofile"
# Every FortiGate has these tables: where one is not shown, the profile hides it.
ALWAYS_PRESENT = frozenset(
    {
        "system automation-action",
        "system automation-trigger",
        "system automation-stitch",
        "system external-resource",
        "firewall policy",
    }
)

_LOCKED = re.compile(r"(?:in|by) (?:another|other) transaction|is locked", re.IGNORECASE)
_EXPIRED = re.compile(r"^config transaction id=\d+ has expired", re.MULTILINE)
# from a FortiGate that, inside of a transaction, knows only what is committed
_UNSEEN = re.compile(
    r"not found in datasource|node_check_object fail|return code -3\b", re.IGNORECASE
)
_STILL_USED = re.compile(r"entry is used by other|return code -23\b", re.IGNORECASE)
_OUTSIDE = re.compile(
    r"\b(?:in|inside|within|during) (?:an? |the |this |config )*transaction", re.I
)
_NO_RIGHT = r"\bpermission\b|\bnot (?:permitted|allowed|authori[sz]ed)\b|\baccess denied\b"
_FORBIDDEN = re.compile(rf"return code -(?:37|672)\b|{_NO_RIGHT}", re.IGNORECASE)
_REFUSAL = re.compile(
    r"^(?:unknown (?:action|command)|command parse error|value parse error|command fail|incomplete command"
    r"|node_check_object fail|(?:object|attribute) (?:set|check) operator error|object check"
    r"|entry not found in datasource|entry is not found in table|token line:|ambiguous command"
    r"|internal error|.*(?:" + _NO_RIGHT + r")|string value is too long"
    r"|attribute '.*' must be set|attribute '.*' checking fail|the entry is used by|duplicated entry"
    r"|invalid |name '.*' conflict|no tablename|no object|unset oper error"
    r"|.*(?:unknown action \d|(?:command|value) parse error before|command fail\. return code)"
    r"|.*discard the setting|config transaction id=\d+ has expired|.*\(y/n\))",
    re.IGNORECASE | re.MULTILINE,
)
_NO_ENTRY = re.compile(
    r"^(?:entry (?:is )?not found|command fail\. return code -3\b)", re.IGNORECASE | re.MULTILINE
)
_NO_TABLE = re.compile(
    r"^(?:command fail\. return code -61\b|command parse error before|unknown (?:action|command))",
    re.IGNORECASE | re.MULTILINE,
)


def find_refusal(answer: str) -> str:
    """Return the words of the FortiGate if ``answer`` (without its echo) is a refusal, else nothing."""
    if not _REFUSAL.search(answer):
        return ""
    words = " / ".join(line.strip() for line in answer[-LONGEST:].splitlines() if line.strip())
    return words if len(answer) <= LONGEST else f"... {words}"


def hide_partial_values(refusal: str, line: str) -> str:
    """Return ``refusal`` without the parts of values in ``line`` that it quotes.

    Only whole secrets are masked; a part of one would not be recognized.
    """
    values = re.findall(r'"((?:[^"\\]|\\.)*)"', line)

    def replace(quoted: re.Match[str]) -> str:
        is_partial = any(quoted[1] in value and quoted[1] != value for value in values)
        return "'...'" if is_partial else quoted[0]

    return re.sub(r"'([^'\n]{4,})(?:'|$)", replace, refusal, flags=re.MULTILINE)


def knows_no_sudo(answer: str) -> bool:
    """Return whether a `sudo SCOPE COMMAND` failed because of its first word."""
    first = answer.strip().partition("\n")[0]
    return not first or bool(re.search(r"(?i)^unknown|\b(?:sudo|global)\b", first))


def is_lock(answer: str) -> bool:
    """Return whether somebody else is editing the object in a transaction (KB 199281)."""
    return bool(_LOCKED.search(answer))


def is_expiry(answer: str) -> bool:
    """Return whether the FortiGate has dropped our transaction; later lines took effect at once."""
    return bool(_EXPIRED.search(answer))


def is_forbidden(answer: str) -> bool:
    """Return whether the profile of the administrator does not permit it (codes -37, -672)."""
    return bool(_FORBIDDEN.search(answer))


def is_caused_by_transaction(answer: str, created: Iterable[str]) -> bool:
    """Return whether a line may be refused only inside of a transaction.

    ``created``: the keys of the objects that the transaction creates. Whether references see what is
    not committed yet is not documented; some tables cannot be changed in a transaction (KB 226126).
    """
    if is_lock(answer) or is_expiry(answer):
        return False
    unseen = _UNSEEN.search(answer) and any(f"'{key}'" in answer for key in created)
    return bool(unseen or _STILL_USED.search(answer) or _OUTSIDE.search(answer))


def has_no_entry(answer: str) -> bool:
    """Return whether `show` reports that the entry does not exist; a value may hold the same words."""
    return not answer.startswith("config ") and bool(_NO_ENTRY.search(answer))


def has_no_table(answer: str) -> bool:
    """Return whether `show` reports that this model and version has no such table (code -61, or none)."""
    return not answer.startswith("config ") and bool(_NO_TABLE.search(answer))


def find_remedy(refusal: str, user: str, is_restricted: bool) -> str:
    """Return what to do about ``refusal`` if rights or a lock are its cause; else nothing."""
    if is_lock(refusal):
        return (
            "somebody else is editing it in a transaction, or an interrupted run was; such a lock "
            "ends by itself (ours after 2 idle minutes): run the command again then"
        )
    if is_forbidden(refusal):
        return f"the profile of {user} does not permit this; it needs {NEEDED_RIGHTS}"
    if has_no_table(refusal) and is_restricted:
        return f"perhaps the profile of {user} does not permit this; it needs {NEEDED_RIGHTS}"
    return ""


def find_profile_name(admin: Tree | None) -> str:
    """Return the name of the profile in what `show` prints of an administrator; empty if unknown."""
    return " ".join(get_values(read_attributes(admin or ()).get("accprofile", ())))


def find_missing_rights(profile: Tree | None) -> tuple[str, ...]:
    """Return the groups in which ``profile`` cannot write; () where the profile is not shown."""
    if profile is None:
        return ()
    attributes = read_attributes(profile)
    return tuple(
        group for group in _GROUPS if not _WRITES & set(get_values(attributes.get(group, ())))
    )


def is_read_only(groups: tuple[str, ...]) -> bool:
    """Return whether a profile that lacks these ``groups`` can change nothing of ours."""
    return groups == _GROUPS


def describe_single_vdom(user: str, vdom: str) -> tuple[str, str]:
    """Return the error about an administrator of one VDOM, and what to do."""
    where = f"VDOM {vdom}" if vdom else "one VDOM"
    return (
        f"{user} is an administrator of {where} only; automation is configured for all VDOMs at once, "
        "so a global administrator is needed",
        f"as a global administrator, type: config system admin / edit {user} / set accprofile "
        "super_admin / end (or a profile with 'set scope global' and "
        f"{NEEDED_RIGHTS}); or name a global administrator in ansible_user",
    )
