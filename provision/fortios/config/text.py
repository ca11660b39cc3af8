"""Parse FortiOS CLI text into a tree, and write it back without loss.

Templates, the output of `show` and the lines to send share one language, so one parser and one writer
serve all three. A word keeps its spelling (quotes, escapes), so ``serialize(parse(text)) == text`` holds
for the output of `show`; words are compared by their ``value``.

Source for the syntax: FortiOS CLI reference (CLI basics) and captures of `show` from FortiOS 7.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

SETTINGS = ("set", "unset", "append", "unselect")
COMMANDS = ("delete", "rename", "move", "clone", "purge")
INDENT = "    "
# Levels of `config` and `edit`; FortiOS itself has about 8.
DEEPEST = 32
# Characters of an error, which may quote a word without an end.
LONGEST_ERROR = 300

# One word: bare characters, `\x`, "..." and '...' in any sequence; adjacent pieces are one word.
_WORD = re.compile(
    r"""(?:[^\s"'\\]++|\\[\s\S]|"(?:[^"\\]++|\\[\s\S])*+"|'[^']*+')++""",
)
_PIECE = re.compile(r"""\\([\s\S])|"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'|([^"'\\]+)""")
_PLAIN = re.compile(r"""[^"'\\]*+""")
_BARE = re.compile(r"[A-Za-z0-9_.:/@+-]+")
_BLANKS = re.compile(r"[ \t]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# From the first CR only: otherwise many CRs without a newline take a quadratic time.
LINE_END = re.compile(r"(?<!\r)\r+\n")


class ParseError(ValueError):
    """An error in CLI text; ``line`` counts from 1, ``message`` describes the error."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        self.message = message if len(message) <= LONGEST_ERROR else f"{message[:LONGEST_ERROR]}..."
        super().__init__(f"line {line}: {self.message}")


@dataclass(frozen=True)
class Word:
    """One word in its spelling; ``named`` is shown in its place if it holds a secret."""

    raw: str
    named: str = field(default="", compare=False)

    @property
    def value(self) -> str:
        """The meaning of the word: without quotes and escapes."""
        if _PLAIN.fullmatch(self.raw):
            return self.raw
        return "".join(map(_unescape, _PIECE.finditer(self.raw)))


def _unescape(piece: re.Match[str]) -> str:
    escaped, double, single, bare = piece.groups()
    if double is not None:
        return double if "\\" not in double else re.sub(r"\\([\s\S])", r"\1", double)
    return str(escaped or single or bare or "")


@dataclass(frozen=True)
class Note:
    """A line that sets nothing: `#config-version=...`, another comment, an empty line."""

    text: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Statement:
    """`set a v ...`, `unset a`, `append a v`, and at table level `delete k`."""

    verb: str
    words: tuple[Word, ...]
    line: int = field(default=0, compare=False)

    @property
    def name(self) -> str:
        return self.words[0].value if self.words else ""


@dataclass(frozen=True)
class Edit:
    """One entry of a table, `edit KEY` to `next`.

    ``ended``: the `end` of its table closed it, as FortiGates show the contents of a VDOM.
    """

    key: Word
    body: tuple[Node, ...] = ()
    line: int = field(default=0, compare=False)
    ended: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Config:
    """A table or a single object, `config PATH` to `end`; ``path`` has single blanks."""

    path: str
    body: tuple[Node, ...] = ()
    line: int = field(default=0, compare=False)


Node = Note | Statement | Edit | Config
Tree = tuple[Node, ...]


def forti_quote(value: str, multiline: bool = False) -> str:
    """Return ``value`` in double quotes as `show` writes it; templates use this for every value.

    `?` stays as it is; the session escapes this help key when it types.

    Raises:
        ValueError: ``value`` has a control character; a newline is one unless ``multiline``.
    """
    control = _CONTROL.search(value.replace("\n", "") if multiline else value)
    if control:
        raise ValueError(f"control character {control[0]!r} cannot be typed into a FortiGate's CLI")
    return '"' + re.sub(r"""(["'\\])""", r"\\\1", value) + '"'


def make_word(value: str) -> Word:
    """Return ``value`` as a bare word where possible (numbers, options), else quoted."""
    return Word(value if _BARE.fullmatch(value) else forti_quote(value, multiline=True))


def make_key(value: str) -> Word:
    """Return a table key as `show` spells it: numbers bare, names quoted."""
    return Word(value if value.isascii() and value.isdigit() else forti_quote(value))


def split_words(text: str) -> tuple[tuple[Word, ...], ...]:
    """Return the words of each logical line of ``text``; an empty line or a comment has none.

    Raises:
        ParseError: a quote is never closed.
    """
    return tuple(words for _, _, words in _split_lines(text))


def _split_lines(text: str) -> Iterator[tuple[int, str, tuple[Word, ...]]]:
    """Yield ``(line number, comment or "", words)`` of each logical line; a value may span lines."""
    at, line = 0, 1
    while at < len(text):
        start, at = at, _BLANKS.match(text, at).end()  # type: ignore[union-attr]
        if at == len(text) or text[at] in "#\n":
            stop = (text.find("\n", at) + 1 or len(text) + 1) - 1
            yield line, text[start:stop].strip(), ()
            at, line = stop + 1, line + 1
            continue
        first_line, words = line, []
        while at < len(text) and text[at] != "\n":
            match = _WORD.match(text, at)
            if not match:
                raise ParseError(line, _explain_bad_word(text[at:]))
            words.append(Word(match[0]))
            line += match[0].count("\n")
            at = _BLANKS.match(text, match.end()).end()  # type: ignore[union-attr]
        yield first_line, "", tuple(words)
        at, line = at + 1, line + 1


def _explain_bad_word(rest: str) -> str:
    if rest[0] == "\\":
        return "a backslash at the end of the text escapes nothing"
    if rest[0] in "\"'":
        return f"this {rest[0]} is never closed"
    return f"character {rest[0]!r} does not belong here"


@dataclass
class _Open:
    """A `config` or `edit` whose end has not been read yet; the outermost one is the text itself."""

    verb: str
    name: str
    line: int
    body: list[Node] = field(default_factory=list)


def parse(text: str) -> Tree:
    """Return ``text`` as a tree. CR before a newline is dropped; `end` also closes an open `edit`.

    Raises:
        ParseError: ``text`` is not FortiOS CLI.
    """
    stack = [_Open("", "", 0)]
    for line, comment, words in _split_lines(LINE_END.sub("\n", text)):
        if words:
            _read_line(stack, line, words)
        else:
            stack[-1].body.append(Note(comment, line))
    if len(stack) > 1:
        top = stack[-1]
        raise ParseError(top.line, f"this '{top.verb} {top.name}' is never closed")
    return tuple(stack[0].body)


def _read_line(stack: list[_Open], line: int, words: tuple[Word, ...]) -> None:
    verb, rest = words[0].raw, words[1:]
    top = stack[-1]
    if verb == "config":
        _require(bool(rest), line, "'config' needs a path")
        _require(len(stack) <= DEEPEST, line, f"more than {DEEPEST} levels are nested")
        stack.append(_Open(verb, " ".join(word.raw for word in rest), line))
    elif verb == "edit":
        _require(top.verb == "config", line, "'edit' belongs directly inside a 'config'")
        _require(len(rest) == 1, line, "'edit' needs one key; quote it if it has blanks")
        _require(len(stack) <= DEEPEST, line, f"more than {DEEPEST} levels are nested")
        _require(not _CONTROL.search(rest[0].value), line, "a key has a control character")
        stack.append(_Open(verb, rest[0].raw, line))
    elif verb == "next":
        _require(top.verb == "edit" and not rest, line, "'next' closes an 'edit', and none is open")
        _close(stack)
    elif verb == "end":
        _require(len(stack) > 1 and not rest, line, "'end' closes a 'config', and none is open")
        if top.verb == "edit":
            _close(stack, ended=True)
        _close(stack)
    else:
        top.body.append(_read_statement(top, line, verb, rest))


def _close(stack: list[_Open], ended: bool = False) -> None:
    top = stack.pop()
    body = tuple(top.body)
    if top.verb == "edit":
        stack[-1].body.append(Edit(Word(top.name), body, top.line, ended))
    else:
        stack[-1].body.append(Config(top.name, body, top.line))


def _read_statement(top: _Open, line: int, verb: str, rest: tuple[Word, ...]) -> Statement:
    _require(verb in SETTINGS + COMMANDS, line, f"'{verb}' is not a FortiOS configuration word")
    _require(top.verb != "", line, f"'{verb}' belongs inside a 'config'")
    if verb in COMMANDS:
        _require(top.verb == "config", line, f"'{verb}' belongs directly inside a 'config'")
    _require(bool(rest) or verb == "purge", line, f"'{verb}' needs a name")
    if verb in ("set", "append", "unselect"):
        _require(len(rest) > 1, line, f"'{verb} {rest[0].raw if rest else ''}' needs a value")
    return Statement(verb, rest, line)


def _require(is_met: bool, line: int, message: str) -> None:
    if not is_met:
        raise ParseError(line, message)


def serialize(tree: Tree) -> str:
    """Return ``tree`` as `show` prints it: one statement a line, four blanks a level."""
    return "".join(line + "\n" for line in _write(tree, 0))


def list_lines(tree: Tree) -> tuple[str, ...]:
    """Return the logical lines to type for ``tree``, not indented; one may hold quoted newlines."""
    return tuple(line.lstrip(" ") for line in _write(tree, 0))


def _write(tree: Tree, depth: int) -> Iterator[str]:
    pad = INDENT * depth
    for node in tree:
        if isinstance(node, Note):
            yield node.text and pad + node.text
        elif isinstance(node, Statement):
            yield pad + " ".join((node.verb, *(word.raw for word in node.words)))
        elif isinstance(node, Edit):
            yield f"{pad}edit {node.key.raw}"
            yield from _write(node.body, depth + 1)
            yield from () if node.ended else (f"{pad}next",)
        else:
            yield from _write_config(node, depth)


def _write_config(node: Config, depth: int) -> Iterator[str]:
    pad = INDENT * depth
    yield f"{pad}config {node.path}"
    if node.path == "vdom":
        yield from _write_vdoms(node.body)
    else:
        # with VDOMs, FortiOS does not indent what `config global` encloses
        yield from _write(node.body, 0 if node.path == "global" else depth + 1)
    yield f"{pad}end"


def _write_vdoms(body: Tree) -> Iterator[str]:
    """Yield the contents of `config vdom`, which FortiOS prints without any indentation."""
    for node in body:
        if isinstance(node, Edit):
            yield f"edit {node.key.raw}"
            yield from _write(node.body, 0)
            yield from () if node.ended else ("next",)
        else:
            yield from _write((node,), 0)
