"""Validate the objects in a FortiGate's record before any other code reads them.

An attacker on a ban host can write anything into its manifest. A record with something that Banstitch
never writes is refused as a whole; `restorable.py` then decides what of the rest may reach a FortiGate.
"""

from __future__ import annotations

import re

from provision.fortios.config.diff import get_values
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.tables import GLOBAL_PATHS, find_table
from provision.fortios.config.text import Config, Edit, Node, ParseError, Statement, Tree, parse
from provision.fortios.record.restorable import find_obstacles, is_owned

# An adopted policy takes about a kilobyte, the certificate of a CA about four.
_LONGEST_TEXT = 64 * 1024
_ATTRIBUTE = re.compile(r"[a-z0-9-]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,10}")
_PEM = re.compile(r"[A-Za-z0-9+/=\s-]*", re.ASCII)


def check_id(text: str) -> ObjectId:
    """Return a remembered id in its parts.

    Raises:
        ValueError: no template of ours makes such an object; the message quotes the id.
    """
    one = ObjectId.parse(text)
    if str(one) != text or not is_owned(one):
        raise ValueError(f"{quote(text)} is no object that Banstitch makes")
    return one


def check_text(one: ObjectId, text: str | None) -> None:
    """Check that ``text`` can be the earlier state of the object ``one``.

    It must be one `config` of the object's own table, with one entry of its key and plain statements.
    A single object names only attributes that may be restored. An entry may name more, since release
    0.1 remembered whole objects; those attributes are never restored.

    Raises:
        ValueError: it cannot; the message quotes nothing unescaped.
    """
    if text is None:
        if one.key is None:
            raise ValueError(f"{one} is a part of FortiOS, so it must have a text")
        return
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"{one} must have at most {_LONGEST_TEXT} characters (got {len(text)})")
    try:
        tree = parse(text)
    except ParseError as error:
        raise ValueError(f"{one} is remembered as no CLI text (line {error.line})") from None
    body = _get_only_config(one, tree)
    if one.key is None:
        _check_statements(one, body)
        obstacles = find_obstacles(one, body)
        if obstacles:
            raise ValueError(f"{one} is remembered with {obstacles[0]}")
        return
    _check_entry(one, body)


def _get_only_config(one: ObjectId, tree: Tree) -> Tree:
    tables = {one.table, GLOBAL_PATHS.get(one.table, one.table)}
    tables |= {path for path, global_path in GLOBAL_PATHS.items() if global_path == one.table}
    first = tree[0] if len(tree) == 1 else None
    if not isinstance(first, Config) or first.path not in tables:
        raise ValueError(f"{one} must be remembered as one 'config {one.table}'")
    return first.body


def _check_entry(one: ObjectId, body: Tree) -> None:
    entry = body[0] if body else None
    if not isinstance(entry, Edit) or not _is_key_of(one, entry.key.value):
        raise ValueError(f"{one} must be remembered as its own entry")
    if len(body) > 2 or not all(_is_move(one, node) for node in body[1:]):
        raise ValueError(f"{one} must be remembered as one entry")
    tables = [node for node in entry.body if isinstance(node, Config)]
    _check_statements(one, tuple(node for node in entry.body if not isinstance(node, Config)))
    for table in tables:
        if not _ATTRIBUTE.fullmatch(table.path):
            raise ValueError(f"{one} is remembered with the table {quote(table.path)}")
        for row in table.body:
            if not isinstance(row, Edit) or not _NUMBER.fullmatch(row.key.raw):
                raise ValueError(
                    f"{one} must be remembered with only numbered entries in '{table.path}'"
                )
            _check_statements(one, row.body)


def _is_key_of(one: ObjectId, key: str) -> bool:
    """Return whether ``key`` is that of ``one``; an operator may have renumbered a policy since."""
    is_number = bool(_NUMBER.fullmatch(key))
    return is_number if find_table(one.table).identified_by else key == one.key


def _is_move(one: ObjectId, node: Node) -> bool:
    if not isinstance(node, Statement) or node.verb != "move":
        return False
    if not find_table(one.table).identified_by:
        return False
    values = get_values(node.words)
    numbers = [*values[:1], *values[2:]]
    is_position = len(values) == 3 and values[1] in ("before", "after")
    return is_position and all(map(_NUMBER.fullmatch, numbers))


def _check_statements(one: ObjectId, body: Tree) -> None:
    for node in body:
        if not isinstance(node, Statement) or node.verb not in ("set", "unset"):
            raise ValueError(f"{one} must be remembered with 'set' and 'unset' only")
        if not _ATTRIBUTE.fullmatch(node.words[0].raw):
            raise ValueError(f"{one} is remembered with {quote(node.words[0].raw)}")
        if node.verb == "unset" and len(node.words) != 1:
            raise ValueError(f"{one} must be remembered without values in 'unset {node.name}'")
        is_pem = node.name in find_table(one.table).pem
        for word in node.words[1:]:
            if not (word.value.isprintable() or (is_pem and _PEM.fullmatch(word.value))):
                raise ValueError(f"{one} is remembered with a control character in '{node.name}'")


def quote(text: str) -> str:
    """Return ``text`` in quotes, escaped and shortened, for an error."""
    short = text if len(text) <= 60 else f"{text[:57]}..."
    return ascii(short)
