"""The blocks of CLI that are sent to a FortiGate, one for each object."""

from __future__ import annotations

from dataclasses import dataclass

from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.secret_names import replace_secrets_by_name
from provision.fortios.config.text import Edit, Statement, Tree, serialize


@dataclass(frozen=True)
class Block:
    """The lines that change one object: one `config` ... `end`."""

    id: str
    tree: Tree

    @property
    def text(self) -> str:
        return serialize(self.tree)

    @property
    def shown(self) -> str:
        """The text with the names of secrets in place of their values."""
        return serialize(replace_secrets_by_name(self.tree))


def build_block(object_id: str, body: Tree | None, move: Tree = ()) -> Block:
    """Return the block that applies the statements ``body`` to an object, and then moves it.

    A ``body`` of None deletes the object.
    """
    one = ObjectId.parse(object_id)
    key = one.quote_key()
    if key is None:
        return Block(object_id, (one.wrap_in_config(body or ()),))
    if body is None:
        return Block(object_id, (one.wrap_in_config((Statement("delete", (key,)),)),))
    edit = (Edit(key, body),) if body or not move else ()
    return Block(object_id, (one.wrap_in_config((*edit, *move)),))
