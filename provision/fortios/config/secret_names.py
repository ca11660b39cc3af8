"""Pair each secret in a plan with its name: the value is sent, the name is shown and compared.

The same templates are rendered with the values and with the names, and a word that differs is a secret.
So no other text that happens to equal a secret is hidden, and a value cannot change the text around it.
"""

from __future__ import annotations

from dataclasses import replace

from provision.fortios.config.desired import Desired
from provision.fortios.config.text import Config, Edit, Node, Statement, Tree, Word


def attach_secret_names(sent: Desired, named: Desired) -> Desired:
    """Return ``sent`` with the spelling of ``named`` attached to each word that differs.

    Raises:
        ValueError: a value changes more than one word.
    """
    if sent is named:
        return sent
    objects = []
    for with_value, with_name in zip(sent.objects, named.objects, strict=True):
        if with_value.id != with_name.id:
            raise ValueError(f"a secret must not change {with_name.id} into {with_value.id}")
        objects.append(replace(with_value, body=_attach_in_tree(with_value.body, with_name.body)))
    return replace(sent, objects=tuple(objects))


def replace_secrets_by_name(tree: Tree) -> Tree:
    """Return ``tree`` with the names of secrets in place of their values."""
    return tuple(map(_replace_in_node, tree))


def _replace_in_node(node: Node) -> Node:
    if isinstance(node, Statement):
        return replace(node, words=tuple(Word(word.named or word.raw) for word in node.words))
    if isinstance(node, Edit | Config):
        return replace(node, body=replace_secrets_by_name(node.body))
    return node


def _attach_in_tree(sent: Tree, named: Tree) -> Tree:
    return tuple(_attach_in_node(*pair) for pair in zip(sent, named, strict=True))


def _attach_in_node(sent: Node, named: Node) -> Node:
    if isinstance(sent, Statement) and isinstance(named, Statement) and sent.verb == named.verb:
        pairs = zip(sent.words, named.words, strict=True)
        return replace(sent, words=tuple(_attach_name(*pair) for pair in pairs))
    if isinstance(sent, Edit) and isinstance(named, Edit) and sent.key == named.key:
        return replace(sent, body=_attach_in_tree(sent.body, named.body))
    if isinstance(sent, Config) and isinstance(named, Config) and sent.path == named.path:
        return replace(sent, body=_attach_in_tree(sent.body, named.body))
    if sent != named:
        raise ValueError("a secret must not change the form of a CLI block")
    return sent


def _attach_name(sent: Word, named: Word) -> Word:
    return sent if sent == named else replace(sent, named=named.raw)
