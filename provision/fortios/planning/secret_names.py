"""Secrets in a plan by name: what is sent holds their values, what is shown and compared their names.

The same templates are rendered with the values and with the names. Where the two differ stands a secret,
so no text that happens to equal a secret is ever hidden, and a value cannot change anything around it.
"""

from __future__ import annotations

from dataclasses import replace

from provision.fortios.config.desired import Desired
from provision.fortios.config.text import Config, Edit, Node, Statement, Tree, Word


def attach_secret_names(sent: Desired, named: Desired) -> Desired:
    """Return ``sent`` with the spelling of ``named`` at each word in which the two differ.

    Raises:
        ValueError: a value changes more than a word.
    """
    pairs = zip(sent.objects, named.objects, strict=True)
    objects = []
    for one, other in pairs:
        if one.id != other.id:
            raise ValueError(f"a secret must not change {other.id} into {one.id}")
        objects.append(replace(one, body=_tree(one.body, other.body)))
    return replace(sent, objects=tuple(objects))


def replace_secrets_by_name(tree: Tree) -> Tree:
    """Return ``tree`` with the names of secrets in place of their values."""
    return tuple(map(_named, tree))


def _named(node: Node) -> Node:
    if isinstance(node, Statement):
        return replace(node, words=tuple(Word(each.named or each.raw) for each in node.words))
    if isinstance(node, Edit | Config):
        return replace(node, body=replace_secrets_by_name(node.body))
    return node


def _tree(sent: Tree, named: Tree) -> Tree:
    return tuple(_node(one, other) for one, other in zip(sent, named, strict=True))


def _node(sent: Node, named: Node) -> Node:
    if isinstance(sent, Statement) and isinstance(named, Statement) and sent.verb == named.verb:
        words = zip(sent.words, named.words, strict=True)
        return replace(sent, words=tuple(_word(one, other) for one, other in words))
    same_entry = isinstance(sent, Edit) and isinstance(named, Edit) and sent.key == named.key
    same_table = isinstance(sent, Config) and isinstance(named, Config) and sent.path == named.path
    if (same_entry or same_table) and isinstance(sent, Edit | Config):
        return replace(sent, body=_tree(sent.body, named.body))  # type: ignore[union-attr]
    if sent != named:
        raise ValueError("a secret must not change the form of a CLI block")
    return sent


def _word(sent: Word, named: Word) -> Word:
    return sent if sent == named else replace(sent, named=named.raw)
