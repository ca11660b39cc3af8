"""Select hosts with ``--limit``, by Ansible's host patterns."""

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
    """Return the hosts that a ``--limit`` argument selects.

    Parts are separated by ``,`` or ``:``. A part is a host, a group, a glob, ``~regex``, ``all`` or
    ``@file`` with one part per line, and may end in ``[0]`` or ``[0:2]`` (both ends included).
    ``!part`` excludes hosts and ``&part`` keeps only its hosts; both apply after all other parts.

    Raises:
        InputError: a part matches nothing, or no host is left.
    """
    parts = list(_split_parts(pattern))
    if not parts:  # an empty file or variable must not select every host
        raise InputError(
            [_OPTION.problem(f"{pattern!r} names nothing", "write all for every host")]
        )
    plain = [part for part in parts if part[0] not in "!&"]
    both = [part[1:] for part in parts if part[0] == "&"]
    without = [part[1:] for part in parts if part[0] == "!"]
    chosen: set[str] = set().union(*(_match_part(inventory, part) for part in plain or [ALL]))
    for part in both:
        chosen &= _match_part(inventory, part)
    for part in without:
        chosen -= _match_part(inventory, part)
    if not chosen:
        raise InputError([_OPTION.problem(f"{pattern} leaves no host")])
    return frozenset(chosen)


def _split_parts(pattern: str) -> Iterator[str]:
    # a regular expression may hold colons; a comma always separates, as in Ansible
    for piece in pattern.split(","):
        inner = [piece] if piece.strip().lstrip("!&")[:1] in ("~", "@") else _SEPARATOR.split(piece)
        for part in filter(None, (text.strip() for text in inner)):
            if part.startswith("@"):
                yield from _read_file(part[1:])
            else:
                yield part


def _read_file(name: str) -> Iterator[str]:
    try:
        lines = Path(name).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([_OPTION.problem(f"@{name} cannot be read: {error}")]) from None
    for line in lines:
        if line.strip() and not line.lstrip().startswith("#"):
            yield from _split_parts(line.strip())


def _match_part(inventory: Inventory, part: str) -> set[str]:
    """Return the hosts that one part selects, at least one.

    Raises:
        InputError: there is none.
    """
    subscript = None if part.startswith("~") else _SUBSCRIPT.fullmatch(part)
    # as in Ansible, [1] is a position and not a set of letters
    hosts = _find_named(inventory, subscript["base"] if subscript else part)
    if subscript:
        hosts = _take_slice(hosts, subscript)
    if not hosts:
        known = {*inventory.hosts, *inventory.groups} - {UNGROUPED}
        hint = suggest_name(part, known) or f"there are {_join_some(sorted(inventory.hosts))}"
        raise InputError([_OPTION.problem(f"{part or 'an empty part'} matches no host", hint)])
    return set(hosts)


def _find_named(inventory: Inventory, part: str) -> list[str]:
    """Return the hosts of all groups that ``part`` matches, and the hosts that it matches.

    As in Ansible, a plain word that names a group does not also name a host.
    """
    matches = _compile_part(part)
    groups = [hosts for group, hosts in inventory.groups.items() if matches(group)]
    selected = dict.fromkeys(host for hosts in groups for host in hosts)
    if not groups or part.startswith("~") or any(letter in part for letter in ".?*["):
        selected |= dict.fromkeys(filter(matches, inventory.hosts))
    return list(selected)


def _compile_part(part: str) -> Callable[[str], object]:
    if not part.startswith("~"):
        return lambda name: fnmatch.fnmatchcase(name, part)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about syntax that a later Python may read differently
            return re.compile(part[1:]).match
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(
            [_OPTION.problem(f"{part} must be a regular expression: {error}")]
        ) from None


def _take_slice(hosts: list[str], subscript: re.Match[str]) -> list[str]:
    first = int(subscript["first"])
    if subscript["to"] is None:
        return hosts[first:][:1] if -len(hosts) <= first < len(hosts) else []
    last = int(subscript["last"]) + 1 if subscript["last"] else None
    return hosts[first:last]


def _join_some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
