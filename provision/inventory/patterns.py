"""``--limit``: Ansible's host patterns over the names of an inventory."""

from __future__ import annotations

import fnmatch
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from provision.errors import InputError
from provision.inventory.loader import ALL, UNGROUPED, Inventory
from provision.inventory.variables import Where, suggest_name

_OPTION = Where("--limit")
_SUBSCRIPT = re.compile(r"(?P<base>.+)\[(?P<first>-?\d+)(?P<to>[:-](?P<last>\d+)?)?\]")
# A colon separates too, except inside brackets (a subscript, a set of letters).
_SEPARATOR = re.compile(r"[,:](?![^\[\]]*\])")


def select(inventory: Inventory, pattern: str) -> frozenset[str]:
    """The hosts that a ``--limit`` argument names.

    Parts are separated by ``,`` or ``:``. A part is a host, a group, a glob, ``~regex``, ``all`` or
    ``@file`` with a part a line, and may end in ``[0]`` or ``[0:2]`` (both ends included);
    ``!part`` takes away, ``&part`` keeps only what is in both; those come after all others.

    Raises:
        InputError: a part that matches nothing, or nothing left in the end.
    """
    parts = list(_parts(pattern))
    if not parts:  # an empty file or variable must not come to mean every host
        raise InputError(
            [_OPTION.problem(f"{pattern!r} names nothing", "write all for every host")]
        )
    plain = [part for part in parts if part[0] not in "!&"]
    both = [part[1:] for part in parts if part[0] == "&"]
    without = [part[1:] for part in parts if part[0] == "!"]
    chosen: set[str] = set().union(*(_match(inventory, part) for part in plain or [ALL]))
    for part in both:
        chosen &= _match(inventory, part)
    for part in without:
        chosen -= _match(inventory, part)
    if not chosen:
        raise InputError([_OPTION.problem(f"{pattern} leaves no host")])
    return frozenset(chosen)


def _parts(pattern: str) -> Iterator[str]:
    # a regular expression may hold colons; a comma always separates, as in Ansible
    for piece in pattern.split(","):
        inner = [piece] if piece.strip().lstrip("!&")[:1] in ("~", "@") else _SEPARATOR.split(piece)
        for part in filter(None, (one.strip() for one in inner)):
            if part.startswith("@"):
                yield from _from_file(part[1:])
            else:
                yield part


def _from_file(name: str) -> Iterator[str]:
    try:
        lines = Path(name).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([_OPTION.problem(f"@{name} cannot be read: {error}")]) from None
    for line in lines:
        if line.strip() and not line.lstrip().startswith("#"):
            yield from _parts(line.strip())


def _match(inventory: Inventory, part: str) -> set[str]:
    """The hosts that one part stands for; at least one."""
    subscript = None if part.startswith("~") else _SUBSCRIPT.fullmatch(part)
    # [1] is a position and no set of letters, as in Ansible
    found = _named(inventory, subscript["base"] if subscript else part)
    if subscript:
        found = _slice(found, subscript)
    if not found:
        known = {*inventory.hosts, *inventory.groups} - {UNGROUPED}
        hint = suggest_name(part, known) or f"there are {_some(sorted(inventory.hosts))}"
        raise InputError([_OPTION.problem(f"{part or 'an empty part'} matches no host", hint)])
    return set(found)


def _named(inventory: Inventory, part: str) -> list[str]:
    """Return the hosts in all groups that ``part`` matches, and the hosts that it matches itself.

    As in Ansible a plain word that names a group does not name a host besides.
    """
    fits = _fits(part)
    groups = [hosts for group, hosts in inventory.groups.items() if fits(group)]
    found = dict.fromkeys(host for hosts in groups for host in hosts)
    if not groups or part.startswith("~") or any(letter in part for letter in ".?*["):
        found |= dict.fromkeys(filter(fits, inventory.hosts))
    return list(found)


def _fits(part: str) -> Callable[[str], object]:
    if not part.startswith("~"):
        return lambda name: fnmatch.fnmatchcase(name, part)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a later Python may read otherwise
            return re.compile(part[1:]).match
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError([_OPTION.problem(f"{part} is no regular expression: {error}")]) from None


def _slice(found: list[str], subscript: re.Match[str]) -> list[str]:
    first = int(subscript["first"])
    if subscript["to"] is None:
        return found[first:][:1] if -len(found) <= first < len(found) else []
    last = int(subscript["last"]) + 1 if subscript["last"] else None
    return found[first:last]


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
