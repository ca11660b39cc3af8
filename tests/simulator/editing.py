"""The statements inside a context: set, append, unset, delete, move, and the check at next/end.

Semantics: FortiOS CLI reference (7.0 admin guide, "CLI basics") and published transcripts.
"""

from dataclasses import replace

from tests.simulator import kinds, refusals
from tests.simulator.config import GLOBAL, Config, new_uuid, value
from tests.simulator.frames import Frame, Words
from tests.simulator.schema import Attribute, Table
from tests.simulator.text import Word
from tests.simulator.tree import Block, Entry, Values, applies, make_key_word


def find_attribute(frame: Frame, words: Words) -> Attribute:
    """Find the attribute that the first word names; raises Refused when it is not known here."""
    if not words:
        raise refusals.incomplete()
    typed, table = words[0].text, frame.table
    if table.lenient or isinstance(frame.entry.items.get(typed), tuple):
        return table.attribute(typed) or Attribute(typed, "any")
    usable = [each.name for each in table.attributes if applies(table, frame.entry, each)]
    found = table.attribute(kinds.match(typed, usable))
    if found is None:
        raise refusals.parse_error(typed)
    return found


def set_values(frame: Frame, words: Words, config: Config) -> None:
    """`set`: replace the whole value."""
    attribute = find_attribute(frame, words)
    frame.put(attribute.name, _check_value(frame, attribute, words[1:], config))


def append_values(frame: Frame, words: Words, config: Config) -> None:
    """`append`: add values to a list."""
    attribute = _list_of(frame, words)
    added = _check_value(frame, attribute, words[1:], config)
    old = frame.entry.values(attribute.name)
    frame.put(attribute.name, old + tuple(word for word in added if word not in old))


def unselect_values(frame: Frame, words: Words) -> None:
    """`unselect`: take values out of a list."""
    attribute = _list_of(frame, words)
    gone = {word.text for word in words[1:]}
    if not gone:
        raise refusals.incomplete()
    kept = tuple(w for w in frame.entry.values(attribute.name) if w.text not in gone)
    frame.put(attribute.name, kept)


def unset_value(frame: Frame, words: Words) -> None:
    """`unset`: back to the default."""
    frame.entry.clear(find_attribute(frame, words).name)


def _list_of(frame: Frame, words: Words) -> Attribute:
    attribute = find_attribute(frame, words)
    if not attribute.many:
        raise refusals.parse_error(words[0].text)
    return attribute


def _check_value(frame: Frame, attribute: Attribute, words: Words, config: Config) -> Values:
    zones = "system zone" in attribute.refers  # a member of a zone cannot be used on its own

    def exists(path: str, key: str) -> bool:
        if zones and path == "system interface" and _is_in_zone(config, frame.scope, key):
            return False
        return config.exists(path, key, frame.scope)

    if attribute.kind == "uuid" and not words:
        raise refusals.incomplete()
    if attribute.kind == "any" and not words:
        return ()
    return kinds.check(frame.table, attribute, words, exists)


def _is_in_zone(config: Config, scope: str, interface: str) -> bool:
    block = config.block("system zone", scope)
    return (
        any(interface in row.texts("interface") for row in block.rows.values()) if block else False
    )


def open_row(frame: Frame, words: Words, config: Config) -> tuple[Frame, tuple[str, ...]]:
    """`edit`: open a row, new or a copy of the existing one; return the lines to print."""
    if not words:
        raise refusals.incomplete()
    if len(words) > 1:
        raise refusals.parse_error(words[1].text)
    table = frame.table
    key = kinds.check_key(table, words[0].text)
    found = frame.block.rows.get(key)
    if found is None and config.scopes and _is_global_row(frame, key, config):
        raise refusals.not_permitted()
    entry = found.copy() if found else Entry(make_key_word(table, key))
    opened = Frame(key, "entry", frame.scope, frame.block, entry, row=True)
    return opened, () if found else (f"new entry '{key}' added",)


def _is_global_row(frame: Frame, key: str, config: Config) -> bool:
    """A global row is read only inside a VDOM."""
    own = config.multi and frame.scope != GLOBAL and frame.table.scope == "both"
    return own and config.find(frame.table.path, key, GLOBAL) is not None


def commit(frame: Frame, config: Config, limits: dict[str, int]) -> None:
    """Check the pending entry and store it; raises Refused when the FortiGate discards it."""
    entry, table, block = frame.entry, frame.table, frame.block
    _check_required(table, entry)
    if not frame.row:
        block.entry = entry
        return
    _check_name(frame, config)
    if entry.key.text == "0" and table.key == "integer":
        taken = [int(key) for key in block.rows]
        entry.key = Word(str(max(taken, default=0) + 1))
    if entry.key.text not in block.rows:
        _check_room(block, limits.get(table.path, table.limit))
    _fill_uuid(table, entry)
    block.rows[entry.key.text] = entry


def _check_required(table: Table, entry: Entry) -> None:
    for attribute in table.attributes:
        needed = attribute.required and applies(table, entry, attribute)
        if needed and not entry.values(attribute.name):
            raise refusals.required(attribute.name)


def _check_name(frame: Frame, config: Config) -> None:
    table, entry = frame.table, frame.entry
    for attribute in table.attributes:
        if attribute.unique:
            _check_unique(frame, attribute, config)
    shared = config.multi and table.path == "system external-resource"
    if shared and entry.key.text.startswith("g-") != (frame.scope == GLOBAL):
        raise refusals.check_failed()


def _check_unique(frame: Frame, attribute: Attribute, config: Config) -> None:
    mine = frame.entry.texts(attribute.name)
    settings = config.block("system settings", frame.scope)
    if not mine:
        if value(settings, "gui-allow-unnamed-policy") != "enable":
            raise refusals.required(attribute.name)
        return
    for key, row in frame.block.rows.items():
        if key != frame.entry.key.text and row.texts(attribute.name) == mine:
            raise refusals.duplicate()


def _check_room(block: Block, limit: int) -> None:
    if limit and len(block.rows) >= limit:
        raise refusals.full()


def _fill_uuid(table: Table, entry: Entry) -> None:
    if table.attribute("uuid") and not entry.values("uuid"):
        entry.put(table, "uuid", (Word(new_uuid()),))


def _find_row(frame: Frame, word: Word) -> Entry:
    found = frame.block.rows.get(word.text)
    if found is None:
        raise refusals.missing_entry()
    return found


def delete_row(frame: Frame, words: Words, config: Config) -> None:
    """`delete`: at once; an object in use is refused with -23."""
    if not words:
        raise refusals.incomplete()
    row = _find_row(frame, words[0])
    _check_free(frame, row, config)
    del frame.block.rows[row.key.text]


def purge_rows(frame: Frame, config: Config) -> None:
    """`purge`: every row, at once; refused when one of them is in use."""
    for row in frame.block.rows.values():
        _check_free(frame, row, config)
    frame.block.rows.clear()


def _check_free(frame: Frame, row: Entry, config: Config) -> None:
    users = config.users(frame.table.path, row.key.text, frame.scope)
    if users:
        raise refusals.in_use(users)


def _parse_two_keys(words: Words, joint: tuple[str, ...]) -> tuple[Word, str, Word]:
    if len(words) < 3:
        raise refusals.incomplete()
    return words[0], kinds.match(words[1].text, joint), words[2]


def rename_row(frame: Frame, words: Words, config: Config) -> None:
    """`rename a to b`: references follow."""
    old, _, new = _parse_two_keys(words, ("to",))
    row = _find_row(frame, old)
    _check_new_key(frame, new)
    frame.block.rows = {
        new.text if key == old.text else key: each for key, each in frame.block.rows.items()
    }
    row.key = make_key_word(frame.table, new.text)
    config.rename(frame.table.path, old.text, new.text)


def clone_row(frame: Frame, words: Words) -> None:
    """`clone a to b`: a copy with a uuid of its own."""
    old, _, new = _parse_two_keys(words, ("to",))
    row = _find_row(frame, old).copy()
    _check_new_key(frame, new)
    row.key = make_key_word(frame.table, new.text)
    if row.values("uuid"):
        row.put(frame.table, "uuid", (Word(new_uuid()),))
    frame.block.rows[new.text] = row


def _check_new_key(frame: Frame, word: Word) -> None:
    if kinds.check_key(frame.table, word.text) in frame.block.rows:
        raise refusals.duplicate()


def move_row(frame: Frame, words: Words) -> None:
    """`move a before|after b`."""
    moved, where, other = _parse_two_keys(words, ("before", "after"))
    row, anchor = _find_row(frame, moved), _find_row(frame, other)
    if row is anchor:
        return
    keys = [key for key in frame.block.rows if key != moved.text]
    keys.insert(keys.index(other.text) + (where == "after"), moved.text)
    rows = frame.block.rows
    ordered = {key: rows[key] for key in keys}
    rows.clear()
    rows.update(ordered)


def pending_block(frame: Frame) -> Block:
    """Return what `show` prints inside a context: the table, or the entry as it is being edited."""
    if frame.kind == "table":
        return frame.block
    if frame.row:
        return replace(frame.block, rows={frame.entry.key.text: frame.entry})
    return replace(frame.block, entry=frame.entry)
