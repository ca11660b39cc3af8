"""Share a deny-list with an operator's own entries.

`vpn ssl settings` has one source-address list, and one switch between "may enter" and "is denied"
(KB 339998). Our feed may join the operator's entries in a deny-list, never in an allow-list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provision.errors import Conflict
from provision.fortios.config.desired import DesiredObject
from provision.fortios.config.diff import Words, get_values, read_attributes
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.tables import find_table
from provision.fortios.config.tables.table import EVERYBODY
from provision.fortios.config.text import Statement, Tree, Word


def add_operator_members(desired: DesiredObject, observed: Tree, ours: frozenset[str]) -> Tree:
    """Return the desired body with the members that the operator keeps in the same deny-list.

    Raises:
        Conflict: the list is the operator's allow-list.
    """
    wants, has = read_attributes(desired.body), read_attributes(observed)
    combined = dict(wants)
    for name, switch in _list_active_pairs(desired.id, wants):
        foreign = _drop_ours(has.get(name, ()), ours | set(get_values(wants[name])))
        if foreign and not _is_on(has, switch):
            raise Conflict(
                f"{desired.id} has the allow-list '{name} {' '.join(get_values(foreign))}', which is "
                f"not ours: '{switch} enable' would deny all of them ({desired.source})",
                "choose another enforcement (local-in or a policy), or clear the list first",
            )
        combined[name] = foreign + wants[name]
    unset = (node for node in desired.body if isinstance(node, Statement) and node.verb == "unset")
    return (*_set_all(combined), *(node for node in unset if node.name not in combined))


def keep_operator_members(
    object_id: str, before: Mapping[str, Statement], observed: Tree, ours: frozenset[str]
) -> tuple[Tree, tuple[str, ...]]:
    """Return the statements that restore ``before`` and keep later entries of the operator; warnings.

    A list with entries of the operator and without a feed of ours belongs to the operator: it stays as
    it is, whatever ``before`` says. An allow-list that we emptied would let everybody in.
    """
    has, restored, warnings = read_attributes(observed), dict(before), []
    for name, switch in find_table(ObjectId.parse(object_id).table).deny_lists:
        pair = {part: restored.pop(part) for part in (name, switch) if part in restored}
        foreign = _drop_ours(has.get(name, ()), ours)
        if pair and foreign:
            pair, warning = _restore_pair(name, switch, pair, has, foreign, ours)
            warnings += [f"{object_id}: '{name}' {warning}"] if warning else []
        restored |= pair
    # switch off first: with the switch on, the restored list would deny everybody in it
    ordered = sorted(restored.values(), key=lambda node: not node.name.endswith("-negate"))
    return tuple(ordered), tuple(warnings)


def _restore_pair(
    name: str,
    switch: str,
    pair: dict[str, Statement],
    has: Mapping[str, Words],
    foreign: Words,
    ours: frozenset[str],
) -> tuple[dict[str, Statement], str]:
    """Return what of ``pair`` to restore in a list that now has ``foreign`` members, and a warning."""
    if not ours & set(get_values(has[name])):
        is_restored = _is_restored(pair, has)
        return {}, "" if is_restored else "is left as it is: no feed of ours is in it"
    if not _is_on(has, switch):
        members = {name: Statement("set", (Word(name), *foreign))}
        return members, "is not a deny list any more: only our feed is removed from it"
    earlier = pair[name].words[1:] if name in pair else ()
    added = tuple(word for word in foreign if word.value not in get_values(earlier))
    if not added:
        return pair, ""
    kept = (*_drop_ours(earlier, ours), *added)
    statements = {
        name: Statement("set", (Word(name), *kept)),
        switch: Statement("set", (Word(switch), Word("enable"))),
    }
    return statements, f"keeps {', '.join(get_values(added))}, added since"


def _is_restored(pair: Mapping[str, Statement], has: Mapping[str, Words]) -> bool:
    """Return whether the list is as remembered already; a switch that is not shown is off."""
    neutral = {"", "all", "disable"}
    return all(
        set(get_values(node.words[1:])) - neutral == set(get_values(has.get(name, ()))) - neutral
        for name, node in pair.items()
    )


def _list_active_pairs(object_id: str, wants: Mapping[str, Words]) -> Iterator[tuple[str, str]]:
    for name, switch in find_table(ObjectId.parse(object_id).table).deny_lists:
        if name in wants and _is_on(wants, switch):
            yield name, switch


def _is_on(attributes: Mapping[str, Words], switch: str) -> bool:
    return get_values(attributes.get(switch, ())) == ("enable",)


def _drop_ours(words: Words, ours: frozenset[str] | set[str]) -> Words:
    return tuple(word for word in words if word.value not in ours | EVERYBODY)


def _set_all(attributes: Mapping[str, Words]) -> Tree:
    return tuple(Statement("set", (Word(name), *words)) for name, words in attributes.items())
