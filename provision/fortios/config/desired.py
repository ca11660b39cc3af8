"""The desired state of a FortiGate, read from CLI blocks as an engineer would paste them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from provision.errors import InputError, Problem
from provision.fortios.config import limits
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.tables import find_table
from provision.fortios.config.text import (
    COMMANDS,
    Config,
    Edit,
    Node,
    Note,
    ParseError,
    Statement,
    Tree,
    parse,
)


@dataclass(frozen=True)
class CliBlock:
    """CLI text rendered from the template ``name``; blocks come in dependency order.

    ``scope``: where it belongs on a FortiGate with VDOMs.
    ``choice``: the enforcement method that it is for, if only the first that suits is used.
    ``use``: the evidence that this method takes effect on the FortiGate.
    ``unsuited``: why that method cannot be used; the block then has no text.
    ``note``: a note for the operator.
    ``without``: the consequence of leaving it out on a FortiGate that lacks its table; if empty, such
    a FortiGate is refused.
    ``needs``: a single object without which it is left out as well; if ``needs_use``, also where that
    object does nothing.
    """

    name: str
    text: str
    scope: Literal["global", "vdom"] = "global"
    choice: str = ""
    unsuited: str = ""
    note: str = ""
    without: str = ""
    needs: str = ""
    needs_use: bool = False
    use: str = ""


@dataclass(frozen=True)
class DesiredObject:
    """One object; its ``id`` is like `system automation-stitch:NAME`, or `vpn ssl settings`.

    An entry is managed as a whole, a single object only in the attributes of ``body``. ``source`` is
    the template and line; the other fields are those of :class:`CliBlock`.
    """

    id: str
    body: Tree
    source: str = ""
    choice: str = ""
    note: str = ""
    without: str = ""
    needs: str = ""
    needs_use: bool = False
    use: str = ""


@dataclass(frozen=True)
class Desired:
    """All desired objects of one FortiGate, in dependency order; each id occurs once.

    ``choices``: enforcement methods, of which the first that suits the FortiGate is used. The value
    is the reason against a method, where one is known beforehand. ``reads``: objects that are only read.
    ``provisional``: what the FortiGate shows of them decides the objects, and it has not been asked yet.
    """

    objects: tuple[DesiredObject, ...] = ()
    choices: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    provisional: bool = False


def widen_to_table(object_id: str) -> str:
    """Return the id to observe for an object: its whole table where the order of entries counts."""
    table, _, _ = object_id.partition(":")
    return table if find_table(ObjectId.parse(object_id).table).identified_by else object_id


def read_blocks(blocks: Sequence[CliBlock], vdom: str = "") -> Desired:
    """Return the objects that ``blocks`` describe; with VDOMs, local ones belong to ``vdom``.

    Raises:
        InputError: every problem of every block, with template and line.
    """
    objects: dict[str, DesiredObject] = {}
    problems: list[Problem] = []
    for block in blocks:
        found, wrong = _read_block(block, vdom)
        problems += wrong
        for one in found:
            if one.id in objects:
                what = f"{one.id} is described twice, first at {objects[one.id].source}"
                name, _, line = one.source.rpartition(":")
                problems.append(Problem(name, int(line), what))
            objects.setdefault(one.id, one)
    if problems:
        raise InputError(problems)
    return Desired(
        tuple(objects.values()),
        {block.choice: block.unsuited for block in blocks if block.choice},
    )


# Most blocks are the same on every FortiGate of a version.
@lru_cache(maxsize=256)
def _read_block(
    block: CliBlock, vdom: str
) -> tuple[tuple[DesiredObject, ...], tuple[Problem, ...]]:
    """Return the objects that ``block`` describes, and its problems."""
    problems: list[Problem] = []
    try:
        tree = parse(block.text)
    except ParseError as error:
        return (), (Problem(block.name, error.line, error.message),)
    return tuple(_read_objects(block, tree, problems, vdom)), tuple(problems)


def _read_objects(
    block: CliBlock, tree: Tree, problems: list[Problem], vdom: str
) -> Iterator[DesiredObject]:
    scope = f"{'global' if block.scope == 'global' else vdom}/" if vdom else ""
    for config in tree:
        if isinstance(config, Config):
            problems.extend(_check_no_commands(block.name, config.body))
            yield from _read_config(block, config, problems, f"{scope}{config.path}", vdom)


def _read_config(
    block: CliBlock, config: Config, problems: list[Problem], path: str, vdom: str
) -> Iterator[DesiredObject]:
    name = block.name
    needs = f"{vdom}/{block.needs}" if vdom and block.needs else block.needs
    edits = [node for node in config.body if isinstance(node, Edit)]
    for edit in edits:
        problems.extend(limits.find_problems(name, config.path, edit.body, edit.key, edit.line))
        yield DesiredObject(
            f"{path}:{edit.key.value}",
            edit.body,
            f"{name}:{edit.line}",
            block.choice,
            block.note,
            block.without,
            needs,
            block.needs_use and not vdom,  # another VDOM may use it
            block.use,
        )
    rest = tuple(node for node in config.body if not isinstance(node, Edit))
    if any(not isinstance(node, Note) for node in rest):
        problems.extend(_check_single_object(name, rest, bool(edits)))
        problems.extend(limits.find_problems(name, config.path, rest))
        yield DesiredObject(path, rest, f"{name}:{config.line}", block.choice, block.note)
    elif not edits:
        problems.append(Problem(name, config.line, f"'config {config.path}' must not be empty"))


def _check_single_object(name: str, body: Tree, has_edits: bool) -> Iterator[Problem]:
    for node in body:
        if isinstance(node, Config):
            what = f"'config {node.path}': a table inside a single object is not managed"
            yield Problem(name, node.line, what, "describe only attributes of it")
        elif has_edits and not isinstance(node, Note):
            what = "a table must hold either entries or attributes, not both"
            yield Problem(name, node.line, what)


def _check_no_commands(name: str, body: Sequence[Node]) -> Iterator[Problem]:
    for node in body:
        if isinstance(node, Statement) and node.verb in COMMANDS:
            what = f"'{node.verb}' is a command, not a part of a desired object"
            yield Problem(name, node.line, what, "leave it out: what is not described is removed")
        elif isinstance(node, Config | Edit):
            yield from _check_no_commands(name, node.body)
