"""Living with an operator's own entries in a list that says who is denied.

`vpn ssl settings` has one source-address list and one switch between "may enter" and "is denied"
(KB 339998). Ours may stand beside the operator's in a deny-list, never in an allow-list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provision.errors import Conflict
from provision.fortios.config.desired import DesiredObject
from provision.fortios.config.diff import Words, get_values, read_attributes
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.schema import DENY_LISTS, EVERYBODY
from provision.fortios.config.text import Statement, Tree, Word


def add_operator_members(wanted: DesiredObject, have: Tree, ours: frozenset[str]) -> Tree:
    """What is wanted, with the members that the operator keeps in the same deny-list.

    Raises:
        Conflict: the list is the operator's allow-list.
    """
    want, held = read_attributes(wanted.body), read_attributes(have)
    found = dict(want)
    for name, switch in _pairs(wanted.id, want):
        theirs = tuple(_foreign(held.get(name, ()), ours | set(get_values(want[name]))))
        if theirs and not _is_on(held, switch):
            raise Conflict(
                f"{wanted.id} has the allow-list '{name} {' '.join(get_values(theirs))}', which is not "
                f"ours: with '{switch} enable' all of them would be denied ({wanted.source})",
                "choose another enforcement (local-in or a policy), or clear the list first",
            )
        found[name] = theirs + want[name]
    unset = (each for each in wanted.body if isinstance(each, Statement) and each.verb == "unset")
    return (*_statements(found), *(each for each in unset if each.name not in found))


def keep_operator_members(
    object_id: str, before: Mapping[str, Statement], have: Tree, ours: frozenset[str]
) -> tuple[Tree, tuple[str, ...]]:
    """Return what brings ``before`` back beside what the operator did to a list since, and warnings.

    A list that holds entries of the operator's and no feed of ours is his: it stays as it is, whatever
    ``before`` says. Were it emptied, an allow-list would let everybody in.
    """
    held, found, warnings = read_attributes(have), dict(before), []
    for name, switch in DENY_LISTS.get(ObjectId.parse(object_id).table, ()):
        pair = {each: found.pop(each) for each in (name, switch) if each in found}
        theirs = tuple(_foreign(held.get(name, ()), ours))
        if pair and theirs:
            pair, warning = _beside_theirs(name, switch, pair, held, theirs, ours)
            warnings += [f"{object_id}: '{name}' {warning}"] if warning else []
        found |= pair
    # the switch goes off before the list that it would turn into "deny everybody" comes back
    back = sorted(found.values(), key=lambda each: not each.name.endswith("-negate"))
    return tuple(back), tuple(warnings)


def _beside_theirs(
    name: str,
    switch: str,
    pair: dict[str, Statement],
    held: Mapping[str, Words],
    theirs: Words,
    ours: frozenset[str],
) -> tuple[dict[str, Statement], str]:
    """Return what of ``pair`` comes back where the list holds ``theirs`` by now, and a warning."""
    if not ours & set(get_values(held[name])):
        return {}, "" if _is_as(pair, held) else "is left as it is: no feed of ours is in it"
    if not _is_on(held, switch):
        only = {name: Statement("set", (Word(name), *theirs))}
        return only, "is no deny-list any more: only our feed is taken out"
    was = pair[name].words[1:] if name in pair else ()
    since = tuple(each for each in theirs if each.value not in get_values(was))
    if not since:
        return pair, ""
    kept = (*_foreign(was, ours), *since)
    both = {
        name: Statement("set", (Word(name), *kept)),
        switch: Statement("set", (Word(switch), Word("enable"))),
    }
    return both, f"keeps {', '.join(get_values(since))}, added since"


def _is_as(pair: Mapping[str, Statement], held: Mapping[str, Words]) -> bool:
    """Return whether the list is as remembered already; a switch that is not shown is off."""
    usual = {"", "all", "disable"}
    return all(
        set(get_values(each.words[1:])) - usual == set(get_values(held.get(name, ()))) - usual
        for name, each in pair.items()
    )


def _pairs(object_id: str, want: Mapping[str, Words]) -> Iterator[tuple[str, str]]:
    for name, switch in DENY_LISTS.get(ObjectId.parse(object_id).table, ()):
        if name in want and _is_on(want, switch):
            yield name, switch


def _is_on(attrs: Mapping[str, Words], switch: str) -> bool:
    return get_values(attrs.get(switch, ())) == ("enable",)


def _foreign(words: Words, ours: frozenset[str] | set[str]) -> Iterator[Word]:
    return (each for each in words if each.value not in ours | EVERYBODY)


def _statements(attrs: Mapping[str, Words]) -> Tree:
    return tuple(Statement("set", (Word(name), *words)) for name, words in attrs.items())
