"""What a FortiGate should hold, read from CLI blocks as an engineer would paste them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from provision.errors import InputError, Problem
from provision.fortios.config import limits
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.schema import FOUND_BY
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
    """CLI text rendered from the template ``name``; blocks are given in dependency order.

    ``scope``: where it belongs on a unit with VDOMs. ``choice``: one of several places of which the
    first that suits the unit is used; ``unsuited`` says why this one cannot be, without any text.
    ``note``: what an operator should know about it. ``without``: what it means that it is left out
    where the unit has no such table; empty: such a unit is refused.
    """

    name: str
    text: str
    scope: Literal["global", "vdom"] = "global"
    choice: str = ""
    unsuited: str = ""
    note: str = ""
    without: str = ""


@dataclass(frozen=True)
class DesiredObject:
    """One object: its ``id`` is like `system automation-stitch:NAME`, or `vpn ssl settings`.

    Of an entry the whole is managed, of a single object only the attributes that ``body`` names.
    """

    id: str
    body: Tree
    source: str = ""
    choice: str = ""
    note: str = ""
    without: str = ""


@dataclass(frozen=True)
class Desired:
    """Everything one FortiGate should hold, in dependency order, no id twice.

    Of the objects that belong to one of ``choices`` only one choice's are wanted: the first that
    suits the unit. Its value says why it cannot be that one, if that is known beforehand.
    """

    objects: tuple[DesiredObject, ...] = ()
    choices: Mapping[str, str] = field(default_factory=dict)


def widen_to_table(object_id: str) -> str:
    """What has to be shown to know an object: itself, or the whole table where its order counts."""
    table, _, _ = object_id.partition(":")
    return table if ObjectId.parse(object_id).table in FOUND_BY else object_id


def read_blocks(blocks: Sequence[CliBlock], vdom: str = "") -> Desired:
    """The objects that ``blocks`` describe, on a unit with VDOMs those of its ``vdom``.

    Raises:
        InputError: every problem of every block, as template name and line.
    """
    found: dict[str, DesiredObject] = {}
    problems: list[Problem] = []
    for block in blocks:
        try:
            tree = parse(block.text)
        except ParseError as error:
            problems.append(Problem(block.name, error.line, error.what))
            continue
        for each in _objects(block, tree, problems, vdom):
            if each.id in found:
                what = f"{each.id} is described twice, first at {found[each.id].source}"
                name, _, line = each.source.rpartition(":")
                problems.append(Problem(name, int(line), what))
            found.setdefault(each.id, each)
    if problems:
        raise InputError(problems)
    return Desired(
        tuple(found.values()),
        {block.choice: block.unsuited for block in blocks if block.choice},
    )


def _objects(
    block: CliBlock, tree: Tree, problems: list[Problem], vdom: str
) -> Iterator[DesiredObject]:
    name = block.name
    scope = f"{'global' if block.scope == 'global' else vdom}/" if vdom else ""
    for config in tree:
        if isinstance(config, Config):
            problems.extend(_commands(name, config.body))
            path = f"{scope}{config.path}"
            edits = [node for node in config.body if isinstance(node, Edit)]
            for edit in edits:
                source = f"{name}:{edit.line}"
                problems.extend(limits.problems(name, config.path, edit.body, edit.key, edit.line))
                yield DesiredObject(
                    f"{path}:{edit.key.value}",
                    edit.body,
                    source,
                    block.choice,
                    block.note,
                    block.without,
                )
            rest = tuple(node for node in config.body if not isinstance(node, Edit))
            if any(not isinstance(node, Note) for node in rest):
                problems.extend(_not_single(name, rest, bool(edits)))
                problems.extend(limits.problems(name, config.path, rest))
                yield DesiredObject(path, rest, f"{name}:{config.line}", block.choice, block.note)
            elif not edits:
                problems.append(Problem(name, config.line, f"'config {config.path}' says nothing"))


def _not_single(name: str, body: Tree, has_edits: bool) -> Iterator[Problem]:
    for node in body:
        if isinstance(node, Config):
            what = f"'config {node.path}': a table inside a single object is not managed"
            yield Problem(name, node.line, what, "describe only attributes of it")
        elif has_edits and not isinstance(node, Note):
            yield Problem(name, node.line, "a table holds either entries or attributes, not both")


def _commands(name: str, body: Sequence[Node]) -> Iterator[Problem]:
    for node in body:
        if isinstance(node, Statement) and node.verb in COMMANDS:
            what = f"'{node.verb}' is an order, not a description of what should be there"
            yield Problem(name, node.line, what, "leave it out: what is not described is removed")
        elif isinstance(node, Config | Edit):
            yield from _commands(name, node.body)
