"""Questions about one object or one feed of a FortiGate, and what their answers hold."""

from __future__ import annotations

from dataclasses import replace

from provision.fortios.config import feed
from provision.fortios.config.feed import FeedState
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.tables import find_table
from provision.fortios.config.text import Config, Edit, Node, ParseError, Statement, Tree, parse
from provision.fortios.session import refusals
from provision.fortios.session.connection import Connection, Question
from provision.fortios.session.prompts import extract_configuration


def read_feed(connection: Connection, feed_id: ObjectId) -> FeedState:
    """Return what a FortiGate holds of a feed; its addresses only if the list is short."""
    name = feed_id.key or ""
    (answer,) = connection.ask([(feed_id.scope, feed.STATISTICS)])
    state = feed.parse_statistics(answer, name)
    if state is None:
        words = refusals.find_refusal(answer) or f"the statistics do not mention {name}"
        return FeedState(words=words)
    if state.lines > feed.LONGEST_LIST:
        return state
    (listed,) = connection.ask([(feed_id.scope, feed.make_list_command(name))])
    shown = not refusals.find_refusal(listed)
    return replace(state, ranges=feed.parse_ranges(listed) if shown else None)


def make_question(object_id: str) -> Question:
    """Return the question that shows an object, or a whole table."""
    return ObjectId.parse(object_id).scope, ObjectId.parse(object_id).show_command


def find_shown(table: str, key: str, answer: str) -> Tree | None:
    """Return the body of an entry; None if it is not shown or cannot be parsed."""
    try:
        return find_body(f"{table}:{key}", parse(extract_configuration(answer)))
    except ParseError:
        return None


def find_body(object_id: str, tree: Tree) -> Tree | None:
    """Return the body of one object in what `show` printed for it, without what must not be kept."""
    _, path, key = ObjectId.parse(object_id)
    configs = [node for node in tree if isinstance(node, Config)]
    config = next((node for node in configs if node.path == path), None)
    if config is None:
        if configs:
            raise ParseError(configs[0].line, f"'config {path}' was asked for, another was shown")
        return None
    keeps = find_table(path).keeps
    entries = _drop_secrets(config, keeps) if keeps else config.body
    if key is None:
        return entries
    edits = (node for node in entries if isinstance(node, Edit))
    return next((edit.body for edit in edits if edit.key.value == key), None)


def _drop_secrets(config: Config, keeps: frozenset[str]) -> Tree:
    """Return the entries of a table with only those attributes that may be kept."""
    return tuple(
        replace(node, body=tuple(each for each in node.body if _is_one_of(each, keeps)))
        for node in config.body
        if isinstance(node, Edit)
    )


def _is_one_of(node: Node, names: frozenset[str]) -> bool:
    return isinstance(node, Statement) and node.name in names


def explain_bad_answer(object_id: str, answer: str, error: ParseError) -> str:
    """Return why an answer cannot be parsed; nothing of it is quoted where it may hold secrets."""
    if find_table(ObjectId.parse(object_id).table).keeps:
        return f"line {error.line} is not FortiOS CLI"
    return refusals.find_refusal(answer) or str(error)
