"""Living with an operator's own entries in a list that says who is denied.

`vpn ssl settings` has one source-address list and one switch between "may enter" and "is denied"
(KB 339998). Ours may stand beside the operator's in a deny-list, never in an allow-list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provision.errors import Conflict
from provision.fortios.desired import Wanted, split_id
from provision.fortios.schema import DENY_LISTS, EVERYBODY
from provision.fortios.text import Statement, Tree, Word
from provision.fortios.tree import Words, attributes, values


def beside_neighbours(wanted: Wanted, have: Tree, ours: frozenset[str]) -> Tree:
    """What is wanted, with the members that the operator keeps in the same deny-list.

    Raises:
        Conflict: the list is the operator's allow-list.
    """
    want, held = attributes(wanted.body), attributes(have)
    found = dict(want)
    for name, switch in _pairs(wanted.id, want):
        theirs = tuple(_foreign(held.get(name, ()), ours | set(values(want[name]))))
        if theirs and not _is_on(held, switch):
            raise Conflict(
                f"{wanted.id} has the allow-list '{name} {' '.join(values(theirs))}', which is not "
                f"ours: with '{switch} enable' all of them would be denied ({wanted.source})",
                "choose another enforcement (local-in or a policy), or clear the list first",
            )
        found[name] = theirs + want[name]
    unset = (each for each in wanted.body if isinstance(each, Statement) and each.verb == "unset")
    return (*_statements(found), *(each for each in unset if each.name not in found))


def leaving_neighbours(
    object_id: str, before: Mapping[str, Statement], have: Tree, ours: frozenset[str]
) -> tuple[Tree, tuple[str, ...]]:
    """What was there before, with members that the operator has added since, and a word on them."""
    held, found, warnings = attributes(have), dict(before), []
    for name, switch in DENY_LISTS.get(split_id(object_id)[1], ()):
        if name not in before or switch not in before or not _is_on(held, switch):
            continue
        was = before[name].words[1:]
        since = tuple(_foreign(held.get(name, ()), ours | set(values(was))))
        if since:
            kept = tuple(_foreign(was, ours)) + since
            found[name] = Statement("set", (Word(name), *kept))
            found[switch] = Statement("set", (Word(switch), Word("enable")))
            warnings.append(f"{object_id}: '{name}' keeps {', '.join(values(since))}, added since")
    # the switch goes off before the list that it would turn into "deny everybody" comes back
    back = sorted(found.values(), key=lambda each: not each.name.endswith("-negate"))
    return tuple(back), tuple(warnings)


def _pairs(object_id: str, want: Mapping[str, Words]) -> Iterator[tuple[str, str]]:
    for name, switch in DENY_LISTS.get(split_id(object_id)[1], ()):
        if name in want and _is_on(want, switch):
            yield name, switch


def _is_on(attrs: Mapping[str, Words], switch: str) -> bool:
    return values(attrs.get(switch, ())) == ("enable",)


def _foreign(words: Words, ours: frozenset[str] | set[str]) -> Iterator[Word]:
    return (each for each in words if each.value not in ours | EVERYBODY)


def _statements(attrs: Mapping[str, Words]) -> Tree:
    return tuple(Statement("set", (Word(name), *words)) for name, words in attrs.items())
