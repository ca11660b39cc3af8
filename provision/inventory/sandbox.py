"""Run the expressions of an inventory in Jinja's own sandbox, and keep their values to a sane size.

`check` reads inventories that nobody has reviewed yet. The sandbox decides which attributes and
functions an expression may use, so that it runs no code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

# Characters and items of a value together: the names of all hosts of a large inventory fit.
LONGEST = 1_000_000
# Bits of a whole number that `*` or `**` makes.
BITS = 4096


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which `*` and `**` make no huge values."""

    intercepted_binops = frozenset(["*", "**"])

    def __init__(self, **options: Any) -> None:
        super().__init__(undefined=jinja2.StrictUndefined, autoescape=False, **options)
        del self.globals["lipsum"]  # it makes any amount of text, and no inventory needs it

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Apply `*` or `**`, unless the result would be too large."""
        if isinstance(left, int) and isinstance(right, int):
            power = operator == "**"
            bits = left.bit_length() * right if power else left.bit_length() + right.bit_length()
            if bits > BITS:
                raise SecurityError(f"a number must have at most {BITS} bits")
        elif operator == "*":
            for text, times in ((left, right), (right, left)):
                if isinstance(times, int) and hasattr(text, "__len__"):
                    _check_size(len(text) * times)
        return super().call_binop(context, operator, left, right)


def join_pieces(pieces: Iterable[str]) -> str:
    """Return ``pieces`` as one text, and stop as soon as it is too long."""
    size, found = 0, []
    for piece in pieces:
        size += len(piece)
        _check_size(size)
        found.append(piece)
    return "".join(found)


def as_data(value: object) -> object:
    """Return ``value`` with all of it defined, and a list in place of an iterator.

    Raises:
        SecurityError: it is too large.
        UndefinedError: something in it is undefined.
    """
    if isinstance(value, Iterator):
        value = list(value)
    size, left = 0, [value]
    while left:
        each = left.pop()
        if isinstance(each, jinja2.Undefined):
            str(each)  # StrictUndefined raises, with the name in its message
        size += len(each) if isinstance(each, str | bytes | dict | list | tuple) else 1
        _check_size(size)
        if isinstance(each, dict):
            left.extend(each.values())
        elif isinstance(each, list | tuple):
            left.extend(each)
    return value


def _check_size(size: int) -> None:
    if size > LONGEST:
        raise SecurityError(f"a value must have at most {LONGEST} characters and items")
