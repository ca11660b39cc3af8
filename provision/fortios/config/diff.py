"""Compare two bodies of one FortiOS object, and return the statements that close the difference.

The comparison uses the meaning that a FortiGate gives to the text: unescaped values, defaults filled in,
lists as sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from provision.fortios.config.tables import find_table, is_always_ours
from provision.fortios.config.text import Config, Edit, Node, Statement, Tree, Word, make_key

Words = tuple[Word, ...]
# (name of a secret, its desired words) -> whether the FortiGate has just that
IsCurrent = Callable[[str, Words], bool]


@dataclass(frozen=True)
class DiffContext:
    """The place of a body: ``path`` of its table, ``name`` for the fingerprints of its secrets.

    ``lenient``: leave an attribute that is not desired and not always ours as it is.
    """

    path: str
    name: str
    is_current: IsCurrent
    lenient: bool = False

    def enter(self, table: str, key: str) -> DiffContext:
        """Return the context of an entry of an inner table."""
        return replace(self, path=f"{self.path}/{table}", name=f"{self.name} {table}:{key}")


def read_attributes(body: Tree) -> dict[str, Words]:
    """Return the attributes that the statements of ``body`` leave set, in order of first mention."""
    attributes: dict[str, Words] = {}
    for node in body:
        if isinstance(node, Statement):
            words = node.words[1:]
            earlier = attributes.get(node.name, ())
            if node.verb == "set":
                attributes[node.name] = words
            elif node.verb == "append":
                attributes[node.name] = earlier + words
            elif node.verb == "unselect":
                removed = get_values(words)
                kept = tuple(word for word in earlier if word.value not in removed)
                attributes[node.name] = kept
            elif node.verb == "unset":
                attributes.pop(node.name, None)
    return attributes


def get_values(words: Iterable[Word]) -> tuple[str, ...]:
    """Return the meanings of ``words``."""
    return tuple(word.value for word in words)


def is_secret(words: Words) -> bool:
    """Return whether ``words`` are what a FortiGate shows in place of a secret."""
    return len(words) > 1 and words[0].raw == "ENC"


def compare_bodies(context: DiffContext, desired: Tree, observed: Tree) -> Tree:
    """Return the statements that give ``observed`` the meaning of ``desired``; () if it has it.

    Attributes are unset first, in reverse order: an attribute that depends on another (a type, for
    example) stands after it, and cannot be named any more once the other has changed.
    """
    wants, has = read_attributes(desired), read_attributes(observed)
    return (
        *(
            Statement("unset", (Word(name),))
            for name in reversed(has)
            if name not in wants and not _may_stay(context, name, has[name])
        ),
        *(
            Statement("set", (Word(name), *words))
            for name, words in wants.items()
            if not _is_same(context, name, words, has.get(name, ()))
        ),
        *_compare_tables(context, desired, observed),
    )


def _may_stay(context: DiffContext, name: str, observed: Words) -> bool:
    is_free = context.lenient and not is_always_ours(context.path, name)
    return is_free or _is_same(context, name, (), observed)


def find_unmanaged(
    context: DiffContext, desired: Tree, observed: Tree
) -> Iterator[tuple[str, Words]]:
    """Yield each attribute of ``observed`` that a lenient comparison leaves as it is, and its words.

    An inner table has its path as its name, and no words.
    """
    wants, has = read_attributes(desired), read_attributes(observed)
    for name, words in has.items():
        is_free = name not in wants and not is_always_ours(context.path, name)
        if is_free and not _is_same(context, name, (), words):
            yield name, words
    our_tables = find_table(context.path).our_tables
    for path, body in _get_tables(observed).items():
        if path not in _get_tables(desired) and body and path not in our_tables:
            yield path, ()


def _is_same(context: DiffContext, name: str, desired: Words, observed: Words) -> bool:
    if find_table(context.path).is_automatic(name):
        return True
    if is_secret(observed) and desired:
        return context.is_current(f"{context.name} {name}", desired)
    return _normalize(context.path, name, desired) == _normalize(context.path, name, observed)


def _normalize(path: str, name: str, words: Words) -> object:
    table, values = find_table(path), get_values(words)
    default = table.defaults.get(name, "")
    if values in ((), ("",), (default,)):
        return default
    if name in table.pem:
        return "".join("".join(values).split())
    return values if name in table.ordered else frozenset(values)


def _compare_tables(context: DiffContext, desired: Tree, observed: Tree) -> Iterator[Node]:
    wants, has = _get_tables(desired), _get_tables(observed)
    our_tables = find_table(context.path).our_tables
    for path in {**wants, **has}:
        if context.lenient and path not in wants and path not in our_tables:
            continue
        body = _compare_table(context, path, wants.get(path, ()), has.get(path, ()))
        if body:
            yield Config(path, body)


def _get_tables(body: Tree) -> dict[str, Tree]:
    return {node.path: node.body for node in body if isinstance(node, Config)}


def _compare_table(context: DiffContext, path: str, desired: Tree, observed: Tree) -> Tree:
    wants, has = get_entries(desired), get_entries(observed)
    deleted = (Statement("delete", (make_key(key),)) for key in has if key not in wants)
    edits = []
    for key, body in wants.items():
        changes = compare_bodies(context.enter(path, key), body, has.get(key, ()))
        if changes or key not in has:
            edits.append(Edit(make_key(key), changes))
    rest = compare_bodies(context.enter(path, ""), _drop_entries(desired), _drop_entries(observed))
    return (*deleted, *edits, *rest)


def get_entries(body: Tree) -> dict[str, Tree]:
    """Return the entries of a table by key."""
    return {node.key.value: node.body for node in body if isinstance(node, Edit)}


def _drop_entries(body: Tree) -> Tree:
    return tuple(node for node in body if not isinstance(node, Edit))


def collect_values(body: Tree) -> set[str]:
    """Return every value in ``body`` at any depth; each name that it may refer to is among them."""
    values: set[str] = set()
    for node in body:
        if isinstance(node, Statement):
            values.update(get_values(node.words[1:]))
        elif isinstance(node, Config | Edit):
            values |= collect_values(node.body)
    return values


def collect_attribute_names(body: Tree) -> set[str]:
    """Return the name of every attribute in ``body``, at any depth."""
    names = {node.name for node in body if isinstance(node, Statement)}
    for node in body:
        if isinstance(node, Config | Edit):
            names |= collect_attribute_names(node.body)
    return names


def walk_attributes(name: str, body: Tree) -> Iterator[tuple[str, Words]]:
    """Yield every attribute of ``body``, under the name that its fingerprint would have."""
    for attribute, words in read_attributes(body).items():
        yield f"{name} {attribute}", words
    for table, inner in _get_tables(body).items():
        for key, entry in {**get_entries(inner), "": _drop_entries(inner)}.items():
            yield from walk_attributes(f"{name} {table}:{key}", entry)
