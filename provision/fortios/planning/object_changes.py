"""What one object of a plan needs: the statements to send for it and what to remember about it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from provision.errors import Conflict
from provision.fortios.config.desired import DesiredObject
from provision.fortios.config.diff import (
    DiffContext,
    IsCurrent,
    Words,
    collect_attribute_names,
    collect_values,
    compare_bodies,
    find_unmanaged,
    get_values,
    read_attributes,
)
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.owned import MEMBERS
from provision.fortios.config.text import Config, Edit, Node, Statement, Tree, Word, serialize
from provision.fortios.planning.policies import current_position, move_to_front, policy_name
from provision.fortios.planning.secret_names import replace_secrets_by_name
from provision.fortios.planning.shared_lists import add_operator_members, keep_operator_members
from provision.fortios.record.record import Record, make_fingerprint
from provision.fortios.record.recovery import is_marked
from provision.fortios.record.restorable import (
    find_obstacles,
    is_automatic,
    list_members,
    parse_remembered_body,
    select_restorable,
)

# The source of a change that a ban host's record asks for.
MEMORY = "the ban host's memory"


@dataclass(frozen=True)
class Block:
    """The lines that change one object: one `config` ... `end`."""

    id: str
    tree: Tree

    @property
    def text(self) -> str:
        return serialize(self.tree)

    @property
    def shown(self) -> str:
        """The same with the names of secrets in place of their values."""
        return serialize(replace_secrets_by_name(self.tree))


@dataclass(frozen=True)
class ObjectChange:
    """One object of a plan. ``body``: the statements to send, None to delete the object.

    ``move``: the order that gives it its place. ``called``: what a numbered entry is found by.
    ``stays``: why it is not deleted. ``source``: where the change comes from, if not from the inventory.
    ``left``: attributes that somebody set by hand and that stay as they are.
    """

    id: str
    body: Tree | None
    action: str
    reason: str = ""
    remember: str | None = None
    settle: str | None = None
    warnings: tuple[str, ...] = ()
    move: Tree = ()
    policy_name: str = ""
    stays: str = ""
    source: str = ""
    left: tuple[tuple[str, Words], ...] = ()


def plan_object(
    wanted: DesiredObject,
    observed: Observed,
    record: Record,
    key: bytes,
    adopt: bool,
    ours: frozenset[str],
    siblings: Iterable[str] = (),
    relics: Container[str] = (),
) -> ObjectChange:
    """Return the step for one desired object.

    ``siblings``: the ids of all of them. ``relics``: those that an earlier deployment left.

    Raises:
        Conflict: something that is not ours is in the way.
    """
    have = observed.objects.get(wanted.id)
    current = _matches(record, key)
    if ObjectId.parse(wanted.id).key is None:
        return _single_step(wanted, observed, record, current, ours)
    here = replace(diff_context(wanted.id, current), lenient=True)
    body = compare_bodies(here, wanted.body, have or ())
    move = move_to_front(wanted.id, observed, siblings)
    step = _entry_step(wanted, body, move, observed, record, adopt, relics)
    left = tuple(find_unmanaged(here, wanted.body, have or ()))
    return replace(step, move=move, policy_name=policy_name(wanted.id, wanted.body), left=left)


def _entry_step(
    wanted: DesiredObject,
    body: Tree,
    move: Tree,
    observed: Observed,
    record: Record,
    adopt: bool,
    relics: Container[str],
) -> ObjectChange:
    have, before = observed.objects.get(wanted.id), record.objects.get(wanted.id)
    if have is None:
        return ObjectChange(wanted.id, body, "create", remember=before, settle=before)
    if wanted.id in record.objects:
        reason = "it is not the first" if move else ""
        return ObjectChange(wanted.id, body, "update", reason, remember=before, settle=before)
    differs = _names(body) or ("its place" if move else "")
    if differs and not adopt and (wanted.id in relics or is_marked(have)):
        raise _left_behind(wanted, differs)
    in_the_way = find_obstacles(ObjectId.parse(wanted.id), have)
    if in_the_way:
        raise _not_to_be_adopted(wanted, in_the_way)
    if differs and not adopt:
        raise Conflict(
            f"{wanted.id} is there already, is not ours and differs in {differs} ({wanted.source})",
            "rename one of the two, or take it over with --adopt (teardown puts it back as it was)",
        )
    kept = tuple(node for node in have if not is_automatic(ObjectId.parse(wanted.id).table, node))
    before = serialize(build_block(wanted.id, kept, current_position(wanted.id, observed)).tree)
    return ObjectChange(wanted.id, body, "update", "adopted", remember=before, settle=before)


def _left_behind(wanted: DesiredObject, differs: str) -> Conflict:
    return Conflict(
        f"{wanted.id} is there already, made for another ban host or before this one was set up "
        f"anew, and differs in {differs} ({wanted.source})",
        "if no other ban host serves this unit, take all over with --adopt (teardown removes it)",
    )


def _not_to_be_adopted(wanted: DesiredObject, in_the_way: Sequence[str]) -> Conflict:
    return Conflict(
        f"{wanted.id} is there already and is not ours, and teardown could not put it back: "
        f"{', '.join(in_the_way)} must not come from a ban host's memory ({wanted.source})",
        "rename it or delete it on the FortiGate; --adopt takes over only what can be put back",
    )


def _names(body: Tree) -> str:
    found = (
        each.path if isinstance(each, Config) else each.name
        for each in body
        if isinstance(each, Config | Statement)
    )
    return ", ".join(f"'{each}'" for each in dict.fromkeys(found))


def _single_step(
    wanted: DesiredObject,
    observed: Observed,
    record: Record,
    current: IsCurrent,
    ours: frozenset[str],
) -> ObjectChange:
    """A single object: only what is named now; what was named earlier goes back to what it was."""
    have = observed.objects.get(wanted.id) or ()
    before = read_remembered_statements(wanted.id, record.objects.get(wanted.id))
    target = add_operator_members(wanted, have, ours)
    named = {each.name: each for each in target if isinstance(each, Statement)}
    first_seen = {name: _as_found(name, have) for name in named if name not in before}
    in_the_way = find_obstacles(ObjectId.parse(wanted.id), tuple(first_seen.values()))
    if in_the_way:
        raise _not_to_be_adopted(wanted, in_the_way)
    left = {name: each for name, each in before.items() if name not in named}
    back, warnings = restore_single_object(wanted.id, left, observed, ours)
    body = compare_bodies(
        diff_context(wanted.id, current),
        (*target, *back),
        select_attributes(have, {*named, *collect_attribute_names(back)}),
    )
    remember = {**before, **first_seen}
    settle = {name: each for name, each in remember.items() if name in named}
    return ObjectChange(
        wanted.id,
        body,
        "update",
        remember=_as_text(wanted.id, remember),
        settle=_as_text(wanted.id, settle),
        warnings=warnings,
        source=MEMORY if collect_attribute_names(back) & collect_attribute_names(body) else "",
    )


def restore_single_object(
    object_id: str, before: Mapping[str, Statement], observed: Observed, ours: frozenset[str]
) -> tuple[Tree, tuple[str, ...]]:
    """Return the statements that bring back what a single object held, and warnings."""
    have = observed.objects.get(object_id) or ()
    back, warnings = keep_operator_members(object_id, before, have, ours)
    back, gone = drop_missing_members(object_id, back, observed)
    found = (f"{object_id}: {each} is not restored: there is no such object" for each in gone)
    return back, (*warnings, *found)


def drop_missing_members(
    object_id: str, body: Tree, observed: Observed
) -> tuple[Tree, tuple[str, ...]]:
    """Return ``body`` with only those addresses that the FortiGate has, and the others.

    A list that is left with none is unset.
    """
    held = collect_values(observed.objects.get(object_id) or ())
    gone = {
        member
        for member, places in list_members(ObjectId.parse(object_id), body)
        if member not in held and not any(observed.objects.get(str(each)) for each in places)
    }
    return tuple(_without(node, gone) for node in body), tuple(sorted(gone))


def _without(node: Node, gone: Container[str]) -> Node:
    if not isinstance(node, Statement) or node.name not in MEMBERS or node.verb != "set":
        return node
    words = tuple(each for each in node.words[1:] if each.value not in gone)
    return Statement("set" if words else "unset", (node.words[0], *words))


def read_remembered_statements(object_id: str, text: str | None) -> dict[str, Statement]:
    """Return the statements that bring back what a single object held, by attribute."""
    one = ObjectId.parse(object_id)
    allowed = select_restorable(one, parse_remembered_body(one, text or ""))
    return {each.name: each for each in allowed if isinstance(each, Statement)}


def _as_text(object_id: str, statements: Mapping[str, Statement]) -> str:
    return serialize((ObjectId.parse(object_id).config(tuple(statements.values())),))


def _as_found(name: str, have: Tree) -> Statement:
    words = read_attributes(have).get(name)
    return Statement("set", (Word(name), *words)) if words else Statement("unset", (Word(name),))


def select_attributes(have: Tree, names: set[str]) -> Tree:
    """Return the attributes of ``have`` that have one of these ``names``."""
    return tuple(_as_found(name, have) for name in read_attributes(have) if name in names)


def build_block(object_id: str, body: Tree | None, move: Tree = ()) -> Block:
    """What makes of an object what the statements ``body`` say, or deletes it, and then moves it."""
    one = ObjectId.parse(object_id)
    key = one.key_word()
    if key is None:
        return Block(object_id, (one.config(body or ()),))
    if body is None:
        return Block(object_id, (one.config((Statement("delete", (key,)),)),))
    edit = (Edit(key, body),) if body or not move else ()
    return Block(object_id, (one.config((*edit, *move)),))


def diff_context(object_id: str, current: IsCurrent) -> DiffContext:
    return DiffContext(ObjectId.parse(object_id).table, object_id, current)


def _matches(record: Record, key: bytes) -> IsCurrent:
    """A secret that the unit hides is current if it is the one that was last sent."""

    def current(name: str, want: Words) -> bool:
        return record.fingerprints.get(name) == fingerprint_words(key, want)

    return current


def fingerprint_words(key: bytes, want: Words) -> str:
    return make_fingerprint(key, " ".join(get_values(want)))
