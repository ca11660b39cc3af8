"""A FortiGate as a pure function: what it holds after the lines of a plan, and what it would show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from provision.fortios.desired import split_id
from provision.fortios.planner import Block, Observed
from provision.fortios.referrers import foreign_users
from provision.fortios.schema import SECRET_NAMES
from provision.fortios.text import Config, Edit, Statement, Tree, Word, key_word
from provision.fortios.tree import attributes, is_secret, values

Unit = dict[str, Tree]


def obey(body: Tree, orders: Tree) -> Tree:
    """``body`` after ``orders``, in the form that `show` has: one `set` an attribute."""
    attrs = attributes((*_sets(attributes(body)), *orders))
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
            held[node.key.value] = Edit(node.key, obey(old.body, node.body))
        elif isinstance(node, Statement) and node.verb == "delete":
            del held[node.words[0].value]
        elif isinstance(node, Statement) and node.verb == "move":
            held = _moved(held, *values(node.words))
    return tuple(held.values())


def _moved(held: dict[str, Edit], key: str, where: str, other: str) -> dict[str, Edit]:
    """The order after `move KEY before|after OTHER`; a key that is not there is a KeyError."""
    left = [each for each in held if each != key]
    if key not in held or other not in left:
        raise KeyError(f"move {key} {where} {other}")
    left.insert(left.index(other) + (where == "after"), key)
    return {each: held[each] for each in left}


def table_of(object_id: str) -> str:
    """The id of the table that an object belongs to, with its scope."""
    return object_id.partition(":")[0]


def rows_of(unit: Unit, table: str) -> tuple[Edit, ...]:
    """The entries that ``unit`` has in ``table``, in their order."""
    return tuple(
        Edit(key_word(split_id(each)[2] or ""), body)
        for each, body in unit.items()
        if ":" in each and table_of(each) == table
    )


def after(unit: Unit, blocks: Iterable[Block]) -> Unit:
    """The unit after ``blocks``.

    Deleting or moving what is not there raises KeyError, deleting what is in use AssertionError.
    """
    found = dict(unit)
    for block in blocks:
        (config,) = block.tree
        assert isinstance(config, Config)
        table = table_of(block.id)
        if ":" not in block.id:
            found[table] = obey(found.get(table, ()), config.body)
            continue
        if any(isinstance(node, Statement) and node.verb == "delete" for node in config.body):
            _must_be_unused(found, block.id)
        rows = _table(rows_of(found, table), config.body)
        found = {each: body for each, body in found.items() if table_of(each) != table}
        for row in rows:
            assert isinstance(row, Edit)
            found[f"{table}:{row.key.value}"] = row.body
    return found


def _must_be_unused(unit: Unit, object_id: str) -> None:
    """A unit refuses to delete what another object refers to (code -23)."""
    users = list(foreign_users(object_id, Observed("", unit), {object_id}))
    assert not users, f"{object_id} is used by {users}"


def normal(body: Tree) -> tuple[object, ...]:
    """``body`` without what the unit itself may order at will."""
    tables = [
        (node.path, sorted((row.key.value, normal(row.body)) for row in _edits(node.body)))
        for node in body
        if isinstance(node, Config)
    ]
    attrs = [(name, sorted(values(words))) for name, words in attributes(body).items()]
    return (sorted(attrs), sorted(tables))


def _edits(body: Tree) -> list[Edit]:
    return [node for node in body if isinstance(node, Edit)]


def look(unit: Unit, ids: Iterable[str], serial: str = "FGT1") -> Observed:
    """What the unit answers when asked for ``ids``."""
    return Observed(serial, {each: unit.get(each, rows_of(unit, each) or None) for each in ids})
