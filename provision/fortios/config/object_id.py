"""The parts of the id of an object on a FortiGate, and the only way from an id to a command."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from provision.fortios.config.text import Config, Node, Word, make_key

GLOBAL = "global"

# FortiOS administration guide, VDOMs: letters, digits, "-" and "_", at most 31. A "." is harmless.
_SCOPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}")
_TABLE = re.compile(r"[a-z0-9][a-z0-9-]*(?: [a-z0-9][a-z0-9-]*)*")


class ObjectId(NamedTuple):
    """An object; ``scope`` is empty without VDOMs, ``key`` is None for a single object or a table."""

    scope: str
    table: str
    key: str | None

    @staticmethod
    @lru_cache(maxsize=1 << 16)
    def parse(text: str) -> ObjectId:
        """Split an id such as `root/firewall policy:9001`; any text is accepted here and checked on use."""
        table, colon, key = text.partition(":")
        scope, _, path = table.rpartition("/")
        return ObjectId(scope, path, key if colon else None)

    def __str__(self) -> str:
        """Return the id in the form of plans and records."""
        scope = f"{self.scope}/" if self.scope else ""
        return f"{scope}{self.table}" + ("" if self.key is None else f":{self.key}")

    @property
    def show_command(self) -> str:
        """The command that shows this object and nothing else, typed in its scope.

        Raises:
            ValueError: a part of the id must not be typed.
        """
        key = self.quote_key()
        return f"show {self._check_table()}" + (f" {key.raw}" if key else "")

    def quote_key(self) -> Word | None:
        """Return the key in the form that is typed.

        Raises:
            ValueError: the key holds a character that must not be typed.
        """
        if self.key is None:
            return None
        if not self.key or not self.key.isprintable():
            raise ValueError(f"the key {self.key!a} must not be typed into a FortiGate")
        return make_key(self.key)

    def wrap_in_config(self, body: tuple[Node, ...]) -> Config:
        """Return the `config` ... `end` that changes this object's table.

        Raises:
            ValueError: a part of the id must not be typed.
        """
        return Config(self._check_table(), body)

    def _check_table(self) -> str:
        if self.scope and not is_scope(self.scope):
            raise ValueError(f"the VDOM {self.scope!a} must not be typed into a FortiGate")
        if not _TABLE.fullmatch(self.table):
            raise ValueError(f"the table {self.table!a} must not be typed into a FortiGate")
        return self.table


def is_scope(text: str) -> bool:
    """Return whether ``text`` is `global` or can be the name of a VDOM."""
    return bool(_SCOPE.fullmatch(text))
