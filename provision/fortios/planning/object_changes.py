"""Plan the change of one desired object: the statements to send, and what the record must keep."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from provision.errors import Conflict
from provision.fortios.config.desired import DesiredObject
from provision.fortios.config.diff import (
    DiffContext,
    IsCurrent,
    Words,
    collect_attribute_names,
    compare_bodies,
    find_unmanaged,
    get_values,
)
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.tables import find_table
from provision.fortios.config.text import Config, Node, Statement, Tree, serialize
from provision.fortios.planning.blocks import build_block
from provision.fortios.planning.policies import current_position, move_to_front, policy_name
from provision.fortios.planning.shared_lists import add_operator_members
from provision.fortios.planning.single_objects import (
    read_remembered_statements,
    read_statement,
    restore_single_object,
    select_attributes,
    write_remembered_text,
)
from provision.fortios.record.record import Record, make_fingerprint
from provision.fortios.record.recovery import is_marked
from provision.fortios.record.restorable import find_obstacles

# The source of a change that a ban host's record asks for.
MEMORY = "the ban host's memory"


@dataclass(frozen=True)
class ObjectChange:
    """The planned change of one object.

    ``body``: the statements to send, None to delete the object. ``move``: the `move` that gives it its
    position. ``remember``: its earlier text for the record before anything is sent. ``settle``: the
    same once all is sent. ``policy_name``: the name of a numbered entry. ``stays``: why it is not
    deleted. ``source``: where the change comes from, if not from the inventory. ``unmanaged``: attributes
    that somebody set by hand and that stay as they are.
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
    unmanaged: tuple[tuple[str, Words], ...] = ()


@dataclass(frozen=True)
class Situation:
    """The facts that the change of each desired object depends on.

    ``key`` makes the fingerprints of secrets. ``adopt``: take over objects that are not ours.
    ``ours``: the names of our feeds. ``siblings``: the ids of all desired objects. ``relics``: the
    ids of those that an earlier deployment left.
    """

    observed: Observed
    record: Record
    key: bytes
    adopt: bool = False
    ours: frozenset[str] = frozenset()
    siblings: Iterable[str] = ()
    relics: Container[str] = ()

    def is_current(self, name: str, desired: Words) -> bool:
        """Return whether a secret that the FortiGate hides is the one that was last sent."""
        return self.record.fingerprints.get(name) == fingerprint_words(self.key, desired)


def plan_object(desired: DesiredObject, situation: Situation) -> ObjectChange:
    """Return the change for one desired object.

    Raises:
        Conflict: something that is not ours is in the way.
    """
    if ObjectId.parse(desired.id).key is None:
        return _plan_single_object(desired, situation)
    body = situation.observed.objects.get(desired.id) or ()
    context = replace(diff_context(desired.id, situation.is_current), lenient=True)
    statements = compare_bodies(context, desired.body, body)
    move = move_to_front(desired.id, situation.observed, situation.siblings)
    return replace(
        _plan_entry(desired, statements, move, situation),
        move=move,
        policy_name=policy_name(desired.id, desired.body),
        unmanaged=tuple(find_unmanaged(context, desired.body, body)),
    )


def _plan_entry(
    desired: DesiredObject, statements: Tree, move: Tree, situation: Situation
) -> ObjectChange:
    body = situation.observed.objects.get(desired.id)
    before = situation.record.objects.get(desired.id)
    if body is None:
        return ObjectChange(desired.id, statements, "create", remember=before, settle=before)
    if desired.id not in situation.record.objects:
        return _adopt_entry(desired, statements, move, body, situation)
    reason = "it is not the first" if move else ""
    return ObjectChange(desired.id, statements, "update", reason, remember=before, settle=before)


def _adopt_entry(
    desired: DesiredObject, statements: Tree, move: Tree, body: Tree, situation: Situation
) -> ObjectChange:
    """Return the change that takes over an object that is not in the record.

    Raises:
        Conflict: it differs, and adopting was not asked for; or a teardown could not restore it.
    """
    differs = _name_differences(statements) or ("its place" if move else "")
    is_relic = desired.id in situation.relics or is_marked(body)
    if differs and not situation.adopt and is_relic:
        raise _make_relic_conflict(desired, differs)
    obstacles = find_obstacles(ObjectId.parse(desired.id), body)
    if obstacles:
        raise _make_adoption_conflict(desired, obstacles)
    if differs and not situation.adopt:
        raise Conflict(
            f"{desired.id} exists already, is not ours and differs in {differs} ({desired.source})",
            "rename one of the two, or take it over with --adopt (teardown restores it)",
        )
    table = ObjectId.parse(desired.id).table
    kept = tuple(node for node in body if not _is_automatic(table, node))
    position = current_position(desired.id, situation.observed)
    before = serialize(build_block(desired.id, kept, position).tree)
    return ObjectChange(desired.id, statements, "update", "adopted", remember=before, settle=before)


def _is_automatic(table: str, node: Node) -> bool:
    return isinstance(node, Statement) and find_table(table).is_automatic(node.name)


def _make_relic_conflict(desired: DesiredObject, differs: str) -> Conflict:
    return Conflict(
        f"{desired.id} exists already, made for another ban host or before this one was set up "
        f"anew, and differs in {differs} ({desired.source})",
        "if no other ban host serves this FortiGate, take all over with --adopt (teardown removes it)",
    )


def _make_adoption_conflict(desired: DesiredObject, obstacles: Sequence[str]) -> Conflict:
    return Conflict(
        f"{desired.id} exists already and is not ours, and teardown could not restore it: "
        f"{', '.join(obstacles)} must not come from a ban host's memory ({desired.source})",
        "rename it or delete it on the FortiGate; --adopt takes over only what can be restored",
    )


def _name_differences(statements: Tree) -> str:
    names = (
        node.path if isinstance(node, Config) else node.name
        for node in statements
        if isinstance(node, Config | Statement)
    )
    return ", ".join(f"'{name}'" for name in dict.fromkeys(names))


def _plan_single_object(desired: DesiredObject, situation: Situation) -> ObjectChange:
    """Return the change of the attributes that are desired, or were before and are restored now."""
    observed, ours = situation.observed, situation.ours
    body = observed.objects.get(desired.id) or ()
    before = read_remembered_statements(desired.id, situation.record.objects.get(desired.id))
    target = add_operator_members(desired, body, ours)
    names = [node.name for node in target if isinstance(node, Statement)]
    new = {name: read_statement(name, body) for name in names if name not in before}
    obstacles = find_obstacles(ObjectId.parse(desired.id), tuple(new.values()))
    if obstacles:
        raise _make_adoption_conflict(desired, obstacles)
    dropped = {name: node for name, node in before.items() if name not in names}
    restored, warnings = restore_single_object(desired.id, dropped, observed, ours)
    restored_names = collect_attribute_names(restored)
    statements = compare_bodies(
        diff_context(desired.id, situation.is_current),
        (*target, *restored),
        select_attributes(body, {*names, *restored_names}),
    )
    remember = {**before, **new}
    settle = {name: node for name, node in remember.items() if name in names}
    return ObjectChange(
        desired.id,
        statements,
        "update",
        remember=write_remembered_text(desired.id, remember),
        settle=write_remembered_text(desired.id, settle),
        warnings=warnings,
        source=MEMORY if restored_names & collect_attribute_names(statements) else "",
    )


def diff_context(object_id: str, is_current: IsCurrent) -> DiffContext:
    """Return the context in which to compare an object."""
    return DiffContext(ObjectId.parse(object_id).table, object_id, is_current)


def fingerprint_words(key: bytes, words: Words) -> str:
    """Return the fingerprint of a secret of several words."""
    return make_fingerprint(key, " ".join(get_values(words)))
