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
_MAX_CHARACTERS = 64 * 1024
_ATTRIBUTE = re.compile(r"[a-z0-9-]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,10}")
_PEM = re.compile(r"[A-Za-z0-9+/=\s-]*", re.ASCII)


def check_id(text: str) -> ObjectId:
    """Return a remembered id in its parts.

    Raises:
        ValueError: no template of ours makes such an object; the message quotes the id.
    """
    object_id = ObjectId.parse(text)
    if str(object_id) != text or not is_owned(object_id):
        raise ValueError(f"{quote(text)} is not an object that Banstitch makes")
    return object_id


def check_text(object_id: ObjectId, text: str | None) -> None:
    """Check that ``text`` can be the earlier state of the object.

    It must be one `config` of the object's own table, with one entry of its key and plain statements.
    A single object names only attributes that may be restored. An entry may name more, since release
    0.1 remembered whole objects; those attributes are never restored.

    Raises:
        ValueError: it cannot; the message quotes nothing unescaped.
    """
    if text is None:
        if object_id.key is None:
            raise ValueError(f"{object_id} is a part of FortiOS, so it must have a text")
        return
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(
            f"the text of {object_id} must have at most {_MAX_CHARACTERS} characters (got {len(text)})"
        )
    try:
        tree = parse(text)
    except ParseError as error:
        raise ValueError(
            f"the text of {object_id} must be CLI (line {error.line} is not)"
        ) from None
    body = _get_only_config(object_id, tree)
    if object_id.key is None:
        _check_statements(object_id, body)
        obstacles = find_obstacles(object_id, body)
        if obstacles:
            raise ValueError(
                f"the text of {object_id} holds what no record may restore: {obstacles[0]}"
            )
        return
    _check_entry(object_id, body)


def _get_only_config(object_id: ObjectId, tree: Tree) -> Tree:
    tables = {object_id.table, GLOBAL_PATHS.get(object_id.table, object_id.table)}
    tables |= {path for path, global_path in GLOBAL_PATHS.items() if global_path == object_id.table}
    first = tree[0] if len(tree) == 1 else None
    if not isinstance(first, Config) or first.path not in tables:
        raise ValueError(f"the text of {object_id} must be one 'config {object_id.table}'")
    return first.body


def _check_entry(object_id: ObjectId, body: Tree) -> None:
    entry = body[0] if body else None
    if not isinstance(entry, Edit) or not _is_key_of(object_id, entry.key.value):
        raise ValueError(f"the text of {object_id} must hold its own entry")
    if len(body) > 2 or not all(_is_move(object_id, node) for node in body[1:]):
        raise ValueError(f"the text of {object_id} must hold one entry only")
    tables = [node for node in entry.body if isinstance(node, Config)]
    _check_statements(object_id, tuple(node for node in entry.body if not isinstance(node, Config)))
    for table in tables:
        if not _ATTRIBUTE.fullmatch(table.path):
            raise ValueError(f"the text of {object_id} must not hold the table {quote(table.path)}")
        for row in table.body:
            if not isinstance(row, Edit) or not _NUMBER.fullmatch(row.key.raw):
                raise ValueError(
                    f"the text of {object_id} must hold numbered entries only in '{table.path}'"
                )
            _check_statements(object_id, row.body)


def _is_key_of(object_id: ObjectId, key: str) -> bool:
    """Return whether ``key`` is that of the object; an operator may have renumbered a policy since."""
    is_number = bool(_NUMBER.fullmatch(key))
    return is_number if find_table(object_id.table).identified_by else key == object_id.key


def _is_move(object_id: ObjectId, node: Node) -> bool:
    if not isinstance(node, Statement) or node.verb != "move":
        return False
    if not find_table(object_id.table).identified_by:
        return False
    values = get_values(node.words)
    numbers = [*values[:1], *values[2:]]
    is_position = len(values) == 3 and values[1] in ("before", "after")
    return is_position and all(map(_NUMBER.fullmatch, numbers))


def _check_statements(object_id: ObjectId, body: Tree) -> None:
    for node in body:
        if not isinstance(node, Statement) or node.verb not in ("set", "unset"):
            raise ValueError(f"the text of {object_id} must hold 'set' and 'unset' only")
        if not _ATTRIBUTE.fullmatch(node.words[0].raw):
            raise ValueError(f"the text of {object_id} must not hold {quote(node.words[0].raw)}")
        if node.verb == "unset" and len(node.words) != 1:
            raise ValueError(f"the text of {object_id} must give 'unset {node.name}' no values")
        is_pem = node.name in find_table(object_id.table).pem
        for word in node.words[1:]:
            if not (word.value.isprintable() or (is_pem and _PEM.fullmatch(word.value))):
                raise ValueError(
                    f"the text of {object_id} must not hold control characters in '{node.name}'"
                )


def quote(text: str) -> str:
    """Return ``text`` in quotes, escaped and shortened, for an error."""
    short = text if len(text) <= 60 else f"{text[:57]}..."
    return ascii(short)
