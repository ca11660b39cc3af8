"""What one object of a plan needs: the statements to send for it and what to remember about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from provision.errors import Conflict
from provision.fortios.desired import Desired, Wanted, looked_at, split_id
from provision.fortios.neighbours import beside_neighbours, leaving_neighbours
from provision.fortios.numbered import called, first, remembered_place, standing
from provision.fortios.observed import Observed
from provision.fortios.planning.by_name import by_name
from provision.fortios.recall import is_marked
from provision.fortios.record import Record, fingerprint
from provision.fortios.referrers import foreign_users
from provision.fortios.text import (
    Config,
    Edit,
    Statement,
    Tree,
    Word,
    key_word,
    parse,
    serialise,
)
from provision.fortios.tree import (
    IsCurrent,
    Place,
    Words,
    attributes,
    difference,
    is_secret,
    mentioned,
    values,
)


@dataclass(frozen=True)
class Block:
    """The lines that change one object: one `config` ... `end`."""

    id: str
    tree: Tree

    @property
    def text(self) -> str:
        return serialise(self.tree)

    @property
    def shown(self) -> str:
        """The same with the names of secrets in place of their values."""
        return serialise(by_name(self.tree))


@dataclass(frozen=True)
class Step:
    """One object of a plan. ``body``: the statements to send, None to delete the object.

    ``move``: the order that gives it its place. ``called``: what a numbered entry is found by.
    ``stays``: why it is not deleted.
    """

    id: str
    body: Tree | None
    action: str
    reason: str = ""
    remember: str | None = None
    settle: str | None = None
    warnings: tuple[str, ...] = ()
    move: Tree = ()
    called: str = ""
    stays: str = ""


def wanted_step(
    wanted: Wanted,
    observed: Observed,
    record: Record,
    key: bytes,
    adopt: bool,
    ours: frozenset[str],
    siblings: Iterable[str] = (),
) -> Step:
    """The step for one desired object; ``siblings``: the ids of all of them.

    Raises:
        Conflict: something that is not ours is in the way.
    """
    have = observed.objects.get(wanted.id)
    current = _matches(record, key)
    if split_id(wanted.id)[2] is None:
        return _single_step(wanted, have or (), record, current, ours)
    body = difference(place(wanted.id, current), wanted.body, have or ())
    move = first(wanted.id, observed, siblings)
    step = _entry_step(wanted, have, body, move, observed, record, adopt)
    return replace(step, move=move, called=called(wanted.id, wanted.body))


def _entry_step(
    wanted: Wanted,
    have: Tree | None,
    body: Tree,
    move: Tree,
    observed: Observed,
    record: Record,
    adopt: bool,
) -> Step:
    before = record.objects.get(wanted.id)
    if have is None:
        return Step(wanted.id, body, "create", remember=before, settle=before)
    if wanted.id in record.objects:
        reason = "it is not the first" if move else ""
        return Step(wanted.id, body, "update", reason, remember=before, settle=before)
    if (body or move) and not adopt:
        raise _in_the_way(wanted, have, _names(body) or "its place")
    before = serialise(block(wanted.id, have, standing(wanted.id, observed)).tree)
    return Step(wanted.id, body, "update", "adopted", remember=before, settle=before)


def _in_the_way(wanted: Wanted, have: Tree, differs: str) -> Conflict:
    if is_marked(have):
        return Conflict(
            f"{wanted.id} is there already, made for another ban host or before this one was set up "
            f"anew, and differs in {differs} ({wanted.source})",
            "if no other ban host serves this unit, take all over with --adopt (teardown removes it)",
        )
    return Conflict(
        f"{wanted.id} is there already, is not ours and differs in {differs} ({wanted.source})",
        "rename one of the two, or take it over with --adopt (teardown puts it back as it was)",
    )


def _names(body: Tree) -> str:
    found = (
        each.path if isinstance(each, Config) else each.name
        for each in body
        if isinstance(each, Config | Statement)
    )
    return ", ".join(f"'{each}'" for each in dict.fromkeys(found))


def _single_step(
    wanted: Wanted, have: Tree, record: Record, current: IsCurrent, ours: frozenset[str]
) -> Step:
    """A single object: only what is named now; what was named earlier goes back to what it was."""
    before = _remembered(record.objects.get(wanted.id))
    target = beside_neighbours(wanted, have, ours)
    named = {each.name: each for each in target if isinstance(each, Statement)}
    back = {name: each for name, each in before.items() if name not in named}
    first_seen = {name: _as_found(name, have) for name in named if name not in before}
    body = difference(
        place(wanted.id, current),
        (*target, *back.values()),
        _only(have, {*named, *back}),
    )
    remember = {**before, **first_seen}
    settle = {name: each for name, each in remember.items() if name in named}
    return Step(
        wanted.id,
        body,
        "update",
        remember=serialise((Config(split_id(wanted.id)[1], tuple(remember.values())),)),
        settle=serialise((Config(split_id(wanted.id)[1], tuple(settle.values())),)),
    )


def _remembered(text: str | None) -> dict[str, Statement]:
    """The statements that bring back what a single object held, by attribute."""
    (config,) = parse(text or "config none\nend\n")
    body = config.body if isinstance(config, Config) else ()
    return {each.name: each for each in body if isinstance(each, Statement)}


def _as_found(name: str, have: Tree) -> Statement:
    words = attributes(have).get(name)
    return Statement("set", (Word(name), *words)) if words else Statement("unset", (Word(name),))


def _only(have: Tree, names: set[str]) -> Tree:
    return tuple(_as_found(name, have) for name in attributes(have) if name in names)


def stale_steps(
    desired: Desired, observed: Observed, record: Record, ours: frozenset[str]
) -> list[Step]:
    """What older inventories left; nothing goes while another of them still uses it."""
    wanted = {each.id for each in desired.objects}
    left = [each for each in reversed(list(record.objects)) if each not in wanted]
    ordered = []
    while left:
        free = (one for one in left if not _used(one, left, observed))
        one = next(free, left[0])
        left.remove(one)
        ordered.append(one)
    return _keeping_the_used(
        [_stale_step(one, observed, record, ours) for one in ordered],
        observed,
        wanted | set(record.objects),
    )


def _keeping_the_used(steps: list[Step], observed: Observed, ours: set[str]) -> list[Step]:
    """Nothing is deleted that somebody else refers to, nor what that in turn refers to."""
    found: list[Step] = []
    for step in steps:
        left = set(ours) - {each.id for each in found if each.stays}
        users = list(foreign_users(step.id, observed, left)) if step.body is None else []
        if users:
            text = f"{step.id} stays: {', '.join(users)} refers to it"
            step = Step(step.id, (), "keep", warnings=(text,), stays=text)
        found.append(step)
    return found


def _used(one: str, among: Iterable[str], observed: Observed) -> bool:
    key = split_id(one)[2]
    others = (observed.objects.get(other) or () for other in among if other != one)
    return any(key in mentioned(body) for body in others)


def _stale_step(one: str, observed: Observed, record: Record, ours: frozenset[str]) -> Step:
    before, have = record.objects[one], observed.objects.get(one)
    if looked_at(one) in observed.missing:
        return Step(one, (), "restore")
    if before is None:
        return Step(one, None if have is not None else (), "delete")
    here = place(one, _untouched(record))
    if split_id(one)[2] is None:
        target, warnings = leaving_neighbours(one, _remembered(before), have or (), ours)
        body = difference(here, target, _only(have or (), set(_remembered(before))))
        return Step(one, body, "restore", warnings=warnings)
    body = difference(here, _entry_body(before), have or ())
    return Step(one, body, "restore", move=remembered_place(one, before, observed))


def _entry_body(text: str) -> Tree:
    (config,) = parse(text)
    edits = config.body if isinstance(config, Config) else ()
    return next((node.body for node in edits if isinstance(node, Edit)), ())


def block(object_id: str, body: Tree | None, move: Tree = ()) -> Block:
    """What makes of an object what the statements ``body`` say, or deletes it, and then moves it."""
    _, path, key = split_id(object_id)
    if key is None:
        return Block(object_id, (Config(path, body or ()),))
    if body is None:
        return Block(object_id, (Config(path, (Statement("delete", (key_word(key),)),)),))
    edit = (Edit(key_word(key), body),) if body or not move else ()
    return Block(object_id, (Config(path, (*edit, *move)),))


def place(object_id: str, current: IsCurrent) -> Place:
    return Place(split_id(object_id)[1], object_id, current)


def _matches(record: Record, key: bytes) -> IsCurrent:
    """A secret that the unit hides is current if it is the one that was last sent."""

    def current(name: str, want: Words) -> bool:
        return record.fingerprints.get(name) == secret_print(key, want)

    return current


def _untouched(record: Record) -> IsCurrent:
    """A hidden secret is still the operator's own if we never sent one."""
    return lambda name, want: is_secret(want) and name not in record.fingerprints


def secret_print(key: bytes, want: Words) -> str:
    return fingerprint(key, " ".join(values(want)))
