"""The difference between two bodies of one FortiOS object, as the statements that close it.

Compared is what the unit takes the text for: unescaped values, defaults filled in, lists as sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from provision.fortios.config.opinions import is_always_ours, is_our_table
from provision.fortios.config.schema import AUTOMATIC, AUTOMATIC_IN, DEFAULTS, ORDERED, PEM
from provision.fortios.config.text import Config, Edit, Node, Statement, Tree, Word, make_key

Words = tuple[Word, ...]
# (name of the secret, what is wanted) -> the unit holds just that
IsCurrent = Callable[[str, Words], bool]


@dataclass(frozen=True)
class DiffContext:
    """Where a body stands: ``path`` for the schema, ``name`` for the fingerprints of secrets.

    ``lenient``: an attribute that is not wanted, and that is not always ours, is left as it is.
    """

    path: str
    name: str
    is_current: IsCurrent
    lenient: bool = False

    def inside(self, table: str, key: str) -> DiffContext:
        return replace(self, path=f"{self.path}/{table}", name=f"{self.name} {table}:{key}")


def read_attributes(body: Tree) -> dict[str, Words]:
    """What the statements of ``body`` leave set, in the order of their first mention."""
    found: dict[str, Words] = {}
    for node in body:
        if isinstance(node, Statement):
            rest = node.words[1:]
            old = found.get(node.name, ())
            if node.verb == "set":
                found[node.name] = rest
            elif node.verb == "append":
                found[node.name] = old + rest
            elif node.verb == "unselect":
                gone = get_values(rest)
                found[node.name] = tuple(each for each in old if each.value not in gone)
            elif node.verb == "unset":
                found.pop(node.name, None)
    return found


def get_values(words: Iterable[Word]) -> tuple[str, ...]:
    """What ``words`` mean."""
    return tuple(each.value for each in words)


def is_secret(words: Words) -> bool:
    """Whether a unit shows ``words`` in place of a secret."""
    return len(words) > 1 and words[0].raw == "ENC"


def compare_bodies(place: DiffContext, want: Tree, have: Tree) -> Tree:
    """The statements that make ``have`` mean what ``want`` means; empty if it does already.

    What is to go is unset first, the last-mentioned first: an attribute that depends on another
    (a type, say) stands after it, and can no longer be named once the other has changed.
    """
    wanted, held = read_attributes(want), read_attributes(have)
    return (
        *(
            Statement("unset", (Word(name),))
            for name in reversed(held)
            if name not in wanted and not _may_stay(place, name, held[name])
        ),
        *(
            Statement("set", (Word(name), *words))
            for name, words in wanted.items()
            if not _same(place, name, words, held.get(name, ()))
        ),
        *_nested(place, want, have),
    )


def _may_stay(place: DiffContext, name: str, have: Words) -> bool:
    free = place.lenient and not is_always_ours(place.path, name)
    return free or _same(place, name, (), have)


def find_unmanaged(place: DiffContext, want: Tree, have: Tree) -> Iterator[tuple[str, Words]]:
    """Return what ``have`` sets beyond ``want`` and its defaults, and :func:`compare_bodies` leaves as it is.

    A table inside has its path as its name, and no words.
    """
    wanted, held = read_attributes(want), read_attributes(have)
    for name, words in held.items():
        is_free = name not in wanted and not is_always_ours(place.path, name)
        if is_free and not _same(place, name, (), words):
            yield name, words
    for path, body in _configs(have).items():
        if path not in _configs(want) and body and not is_our_table(place.path, path):
            yield path, ()


def _same(place: DiffContext, name: str, want: Words, have: Words) -> bool:
    if name in AUTOMATIC or name in AUTOMATIC_IN.get(place.path, ()):
        return True
    if is_secret(have) and want:
        return place.is_current(f"{place.name} {name}", want)
    return _meaning(place.path, name, want) == _meaning(place.path, name, have)


def _meaning(path: str, name: str, words: Words) -> object:
    found = get_values(words)
    default = DEFAULTS.get(path, {}).get(name, "")
    if found in ((), ("",), (default,)):
        return default
    if (path, name) in PEM:
        return "".join("".join(found).split())
    return found if (path, name) in ORDERED else frozenset(found)


def _nested(place: DiffContext, want: Tree, have: Tree) -> tuple[Node, ...]:
    wanted, held = _configs(want), _configs(have)
    found = []
    for path in {**wanted, **held}:
        if place.lenient and path not in wanted and not is_our_table(place.path, path):
            continue
        body = _table(place, path, wanted.get(path, ()), held.get(path, ()))
        if body:
            found.append(Config(path, body))
    return tuple(found)


def _configs(body: Tree) -> dict[str, Tree]:
    return {node.path: node.body for node in body if isinstance(node, Config)}


def _table(place: DiffContext, path: str, want: Tree, have: Tree) -> Tree:
    wanted, held = get_entries(want), get_entries(have)
    deleted = (Statement("delete", (make_key(key),)) for key in held if key not in wanted)
    edits = []
    for key, body in wanted.items():
        inner = compare_bodies(place.inside(path, key), body, held.get(key, ()))
        if inner or key not in held:
            edits.append(Edit(make_key(key), inner))
    return (*deleted, *edits, *compare_bodies(place.inside(path, ""), _plain(want), _plain(have)))


def get_entries(body: Tree) -> dict[str, Tree]:
    """The entries of a table by key."""
    return {node.key.value: node.body for node in body if isinstance(node, Edit)}


def _plain(body: Tree) -> Tree:
    return tuple(node for node in body if not isinstance(node, Edit))


def collect_values(body: Tree) -> set[str]:
    """Every value that ``body`` holds at any depth: whatever it may refer to is among them."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, Statement):
            found.update(get_values(node.words[1:]))
        elif isinstance(node, Config | Edit):
            found |= collect_values(node.body)
    return found


def collect_attribute_names(body: Tree) -> set[str]:
    """The name of every attribute that ``body`` speaks of, at any depth."""
    found = {node.name for node in body if isinstance(node, Statement)}
    for node in body:
        if isinstance(node, Config | Edit):
            found |= collect_attribute_names(node.body)
    return found


def walk_attributes(name: str, body: Tree) -> Iterator[tuple[str, Words]]:
    """Every attribute of ``body`` under the name that its fingerprint would have."""
    for attribute, words in read_attributes(body).items():
        yield f"{name} {attribute}", words
    for table, inner in _configs(body).items():
        for key, entry in {**get_entries(inner), "": _plain(inner)}.items():
            yield from walk_attributes(f"{name} {table}:{key}", entry)
