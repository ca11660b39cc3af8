"""A model of a FortiGate as pure functions: its configuration after the lines of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from provision.fortios.config.desired import CliBlock, Desired, read_blocks
from provision.fortios.config.diff import get_values, is_secret, read_attributes
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.tables.table import SECRET_NAMES
from provision.fortios.config.text import (
    Config,
    Edit,
    Statement,
    Tree,
    Word,
    make_key,
    parse,
    serialize,
)
from provision.fortios.planning.blocks import Block
from provision.fortios.planning.planner import (
    FortiPlan,
    object_ids_to_observe,
    plan,
    teardown,
)
from provision.fortios.planning.references import find_foreign_users
from provision.fortios.record.record import Record
from tests.unit.fortios.sample_cli import (
    KEY,
)

ModelFortiGate = dict[str, Tree]


def apply_statements(body: Tree, orders: Tree) -> Tree:
    """Return ``body`` after the statements ``orders`` as `show` prints it: one `set` per attribute."""
    attrs = read_attributes((*_sets(read_attributes(body)), *orders))
    tables = {node.path: node.body for node in body if isinstance(node, Config)}
    for node in orders:
        if isinstance(node, Config):
            tables[node.path] = _table(tables.get(node.path, ()), node.body)
    shown = (Config(path, inner) for path, inner in tables.items() if inner)
    return (*_sets({name: _hidden(name, words) for name, words in attrs.items()}), *shown)


def _sets(attrs: Mapping[str, tuple[Word, ...]]) -> Tree:
    return tuple(Statement("set", (Word(name), *words)) for name, words in attrs.items())


def _hidden(name: str, words: tuple[Word, ...]) -> tuple[Word, ...]:
    if name not in SECRET_NAMES or is_secret(words):
        return words
    return (Word("ENC"), Word(words[0].value.encode().hex() + "="))


def _table(body: Tree, orders: Tree) -> Tree:
    held = {node.key.value: node for node in body if isinstance(node, Edit)}
    for node in orders:
        if isinstance(node, Edit):
            old = held.get(node.key.value, Edit(node.key))
            held[node.key.value] = Edit(node.key, apply_statements(old.body, node.body))
        elif isinstance(node, Statement) and node.verb == "delete":
            del held[node.words[0].value]
        elif isinstance(node, Statement) and node.verb == "move":
            held = _moved(held, *get_values(node.words))
    return tuple(held.values())


def _moved(held: dict[str, Edit], key: str, where: str, other: str) -> dict[str, Edit]:
    """Return the entries after `move KEY before|after OTHER`, or raise KeyError for an unknown key."""
    left = [each for each in held if each != key]
    if key not in held or other not in left:
        raise KeyError(f"move {key} {where} {other}")
    left.insert(left.index(other) + (where == "after"), key)
    return {each: held[each] for each in left}


def get_table_id(object_id: str) -> str:
    """Return the id of the table that an object belongs to, with its scope."""
    return object_id.partition(":")[0]


def list_rows(fortigate: ModelFortiGate, table: str) -> tuple[Edit, ...]:
    """Return the entries of ``table``, in their order."""
    return tuple(
        Edit(make_key(ObjectId.parse(each).key or ""), body)
        for each, body in fortigate.items()
        if ":" in each and get_table_id(each) == table
    )


def apply_blocks(fortigate: ModelFortiGate, blocks: Iterable[Block]) -> ModelFortiGate:
    """Return the FortiGate after ``blocks``.

    Deleting or moving what is not there raises KeyError, deleting what is in use AssertionError.
    """
    found = dict(fortigate)
    for block in blocks:
        (config,) = block.tree
        assert isinstance(config, Config)
        table = get_table_id(block.id)
        if ":" not in block.id:
            found[table] = apply_statements(found.get(table, ()), config.body)
            continue
        if any(isinstance(node, Statement) and node.verb == "delete" for node in config.body):
            _must_be_unused(found, block.id)
        rows = _table(list_rows(found, table), config.body)
        found = {each: body for each, body in found.items() if get_table_id(each) != table}
        for row in rows:
            assert isinstance(row, Edit)
            found[f"{table}:{row.key.value}"] = row.body
    return found


def _must_be_unused(fortigate: ModelFortiGate, object_id: str) -> None:
    """Refuse to delete an object that another one refers to, as FortiOS does (code -23)."""
    users = list(find_foreign_users(object_id, Observed("", fortigate), {object_id}))
    assert not users, f"{object_id} is used by {users}"


def normalize(body: Tree) -> tuple[object, ...]:
    """Return ``body`` without what a FortiGate may reorder at will."""
    tables = [
        (node.path, sorted((row.key.value, normalize(row.body)) for row in _edits(node.body)))
        for node in body
        if isinstance(node, Config)
    ]
    attrs = [(name, sorted(get_values(words))) for name, words in read_attributes(body).items()]
    return (sorted(attrs), sorted(tables))


def _edits(body: Tree) -> list[Edit]:
    return [node for node in body if isinstance(node, Edit)]


def observe(fortigate: ModelFortiGate, object_ids: Iterable[str], serial: str = "FGT1") -> Observed:
    """Return what the FortiGate shows for ``object_ids``."""
    return Observed(
        serial,
        {each: fortigate.get(each, list_rows(fortigate, each) or None) for each in object_ids},
    )


def make_desired(*texts: str) -> Desired:
    """Return the desired state of templates that render to ``texts``."""
    return read_blocks([CliBlock(f"block{n}.j2", text) for n, text in enumerate(texts)])


def make_fortigate(*texts: str) -> ModelFortiGate:
    """Return a FortiGate with the configuration ``texts``."""
    found: ModelFortiGate = {}
    for config in parse("".join(texts)):
        assert isinstance(config, Config)
        edits = [each for each in config.body if isinstance(each, Edit)]
        if not edits:
            found[config.path] = config.body
        for edit in edits:
            found[f"{config.path}:{edit.key.value}"] = edit.body
    return found


def observe_and_plan(
    want: Desired, fortigate: ModelFortiGate, record: Record, **options: Any
) -> FortiPlan:
    """Return the plan for a FortiGate, after observing it."""
    return plan(
        want, observe(fortigate, object_ids_to_observe(want, record)), record, key=KEY, **options
    )


def apply(
    want: Desired, fortigate: ModelFortiGate, record: Record, **options: Any
) -> tuple[ModelFortiGate, Record]:
    """Return the FortiGate and its record after an apply."""
    made = observe_and_plan(want, fortigate, record, **options)
    return apply_blocks(fortigate, made.blocks), made.settled


def tear_down(fortigate: ModelFortiGate, record: Record) -> ModelFortiGate:
    """Return the FortiGate after a teardown, and check that its record is empty."""
    made = teardown(observe(fortigate, object_ids_to_observe(Desired(), record)), record)
    assert made.settled.objects == {}
    return apply_blocks(fortigate, made.blocks)


def normalize_fortigate(fortigate: ModelFortiGate) -> dict[str, object]:
    """Return each object as :func:`normalize` writes it."""
    return {each: normalize(body) for each, body in fortigate.items()}


def commands_to_observe(desired: Desired, record: Record) -> tuple[str, ...]:
    """Return the commands that observe all objects that a plan depends on, in order."""
    ids = object_ids_to_observe(desired, record)
    return tuple(ObjectId.parse(each).show_command for each in ids)


def join_diffs(made: FortiPlan) -> str:
    return "".join(change.diff for change in made.changes)


def format_fortigate(fortigate: ModelFortiGate) -> str:
    return "".join(serialize((Config(each, body),)) for each, body in fortigate.items())
