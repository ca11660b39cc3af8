"""The statements that only look: show, get and `| grep`."""

import re
from collections.abc import Iterable
from functools import cache

from tests.simulator import kinds, refusals
from tests.simulator.frames import Words
from tests.simulator.text import Word, split
from tests.simulator.tree import Block, Entry, Writer, applies, get_stored

NAME_WIDTH = 20


def find_path(words: Words, paths: Iterable[str]) -> tuple[str, Words]:
    """Match the leading words against table paths, abbreviations allowed.

    Gives the path and the words after it; raises Refused where they name no table.
    """
    candidates = {path: _split_path(path) for path in paths}
    depth = 0
    while True:
        ended = next((p for p, parts in candidates.items() if len(parts) == depth), "")
        longer = {p: parts for p, parts in candidates.items() if len(parts) > depth}
        if depth == len(words) and not ended:
            raise refusals.incomplete()
        if depth == len(words) or not longer:
            return ended, words[depth:]
        try:
            chosen = kinds.match(words[depth].text, (parts[depth] for parts in longer.values()))
        except refusals.Refused:
            if ended:
                return ended, words[depth:]
            raise
        candidates = {p: parts for p, parts in longer.items() if parts[depth] == chosen}
        depth += 1


@cache
def _split_path(path: str) -> tuple[str, ...]:
    return tuple(word.text for word in split(path).words)


def find_row(block: Block, word: Word) -> Entry:
    """Find the row that `show` or `get` names; raises Refused when it is not there."""
    found = block.rows.get(word.text)
    if found is None:
        raise refusals.missing_entry()
    return found


def show_block(writer: Writer, block: Block, words: Words) -> list[str]:
    """`show <path> [key]`."""
    if len(words) > 1 or (words and not block.is_table and not block.table.lenient):
        if not block.is_table:
            raise refusals.parse_error(words[0].text)
        raise refusals.parse_error(words[1].text)
    return writer.block(block, only=find_row(block, words[0]) if words else None)


def get_block(block: Block, words: Words) -> list[str]:
    """`get <path> [key]`: attributes with their effective values."""
    if not block.is_table:
        return _get_entry(block, block.entry)
    if words:
        row = find_row(block, words[0])
        return [
            f"{'name' if block.table.key == 'string' else 'id':<{NAME_WIDTH}}: {row.key.text} ",
            *_get_entry(block, row),
        ]
    lines: list[str] = []
    for row in block.rows.values():
        lines += [f"== [ {row.key.text} ]", _get_row(block, row)]
    return lines


def _get_entry(block: Block, entry: Entry) -> list[str]:
    names = [a.name for a in block.table.attributes if applies(block.table, entry, a)]
    if block.table.lenient:
        names = [name for name, item in entry.items.items() if isinstance(item, tuple)]
    lines = [f"{name:<{NAME_WIDTH}}: {_format_value(block, entry, name)} " for name in names]
    nested = [each.path for each in block.table.tables]
    return lines + [f"{name}:" for name in nested]


def _format_value(block: Block, entry: Entry, name: str) -> str:
    attribute = block.table.attribute(name)
    if attribute is None:
        return " ".join(entry.texts(name))
    if attribute.kind == "secret":
        return "*"
    values = get_stored(entry, attribute)
    quoted = attribute.kind in ("refs", "strings")
    return " ".join(f'"{each}"' if quoted else each for each in values)


def _get_row(block: Block, row: Entry) -> str:
    shown = [f"name: {row.key.text}"] + [
        f"{a.name}: {_format_value(block, row, a.name)}"
        for a in block.table.attributes
        if row.values(a.name) and applies(block.table, row, a)
    ]
    return "   ".join(shown) + "   "


def grep(lines: list[str], words: Words, miss_is_error: bool) -> list[str]:
    """`| grep [-i -v -f -n -A n -B n] pattern`; raises Refused for a bad filter."""
    flags, pattern = _parse_grep(words)
    test = re.compile(pattern, re.IGNORECASE if "i" in flags else 0)
    whole = "\n".join(lines).split("\n")
    hits = [bool(test.search(line)) != ("v" in flags) for line in whole]
    if not any(hits) and miss_is_error:
        raise refusals.parse_error("|", None)
    if "f" in flags:
        return _mark_blocks(whole, hits)
    after, before = int(flags.get("A") or 0), int(flags.get("B") or 0)
    kept = [any(hits[max(0, n - after) : n + before + 1]) for n in range(len(whole))]
    number = "n" in flags
    return [
        f"{n}:{line}" if number else line
        for n, (line, keep) in enumerate(zip(whole, kept, strict=True), 1)
        if keep
    ]


def _parse_grep(words: Words) -> tuple[dict[str, str], str]:
    flags: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].text.startswith("-") and not rest[0].quoted:
        for letter in rest.pop(0).text[1:]:
            flags[letter] = rest.pop(0).text if letter in "AB" and rest else ""
    if not rest:
        raise refusals.incomplete()
    try:
        re.compile(rest[0].text)
    except re.error:
        return flags, re.escape(rest[0].text)
    return flags, rest[0].text


def _mark_blocks(lines: list[str], hits: list[bool]) -> list[str]:
    """`-f`: the enclosing config and edit lines of each hit, which is marked with ` <---`."""
    keep: set[int] = set()
    for number, hit in enumerate(hits):
        if hit:
            keep |= {number, *_list_enclosing_lines(lines, number)}
    return [f"{line} <---" if hits[n] else line for n, line in enumerate(lines) if n in keep]


def _list_enclosing_lines(lines: list[str], number: int) -> Iterable[int]:
    depth = _count_indent(lines[number])
    for up in range(number - 1, -1, -1):
        if _count_indent(lines[up]) < depth:
            depth = _count_indent(lines[up])
            yield up
    depth = _count_indent(lines[number])
    for down in range(number + 1, len(lines)):
        if _count_indent(lines[down]) < depth:
            depth = _count_indent(lines[down])
            yield down


def _count_indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
