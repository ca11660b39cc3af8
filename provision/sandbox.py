"""A sandbox for expressions of an inventory: closed lists of what they may use, and limits of size.

`check` reads inventories that nobody has reviewed yet, so an expression may neither run code nor use
up the controller. What is on no list is refused; the error names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

# Characters of an expression; characters or items of a value.
TEXT_LONGEST = 65536
LONGEST = 262144
# Numbers in `range(...)`, and loops inside of one another: at most 10,000 times 10,000 steps.
RANGE = 10_000
LOOPS = 2
# Bits of a whole number.
BITS = 4096

_NODES = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.Name, nodes.Assign),
    *(nodes.If, nodes.For, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Call, nodes.Keyword),
    *(nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod),
    *(nodes.Pow, nodes.Concat, nodes.CondExpr, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair),
)
_FILTERS = frozenset(
    "abs capitalize count d default dictsort first float int items last length list lower map max"  # noqa: SIM905
    " min reject rejectattr reverse select selectattr sort string sum title trim unique upper".split()
)
_METHODS = frozenset(
    "capitalize count endswith find get index isdigit items keys lower lstrip removeprefix"  # noqa: SIM905
    " removesuffix rsplit rstrip split splitlines startswith strip title upper values".split()
)


def sandbox(filters: dict[str, Callable[..., object]], **options: Any) -> jinja2.Environment:
    """Return an environment for expressions of an inventory, with the project's own ``filters``."""
    env = _Sandbox(undefined=jinja2.StrictUndefined, autoescape=False, **options)
    known = {name: env.filters[name] for name in _FILTERS}
    env.filters = {**known, "replace": _replace, "join": _join, **filters}
    env.globals = {"range": _range}
    return env


def checked(body: nodes.Template) -> nodes.Template:
    """Return ``body`` with `~` as a checked `+`.

    Raises:
        SecurityError: it uses what is not on the list.
    """
    _check(body, 0)
    changed = _Concatenations().visit(body)
    changed.set_environment(body.environment)
    return changed  # type: ignore[no-any-return]


def plain(value: object) -> object:
    """Return ``value``, which must be data.

    Raises:
        SecurityError: a function, or a sequence that is not made yet, is in it.
        UndefinedError: something undefined is in it.
    """
    if isinstance(value, jinja2.Undefined):
        str(value)  # StrictUndefined raises, with the name in its message
    if callable(value):
        raise SecurityError("a function is not a value")
    if isinstance(value, Iterator):
        raise SecurityError("a sequence is not made yet; add '| list'")
    if isinstance(value, dict):
        for each in value.values():
            plain(each)
    elif isinstance(value, list | tuple):
        for each in value:
            plain(each)
    return value


def limited(pieces: Iterable[str]) -> str:
    """Return ``pieces`` as one text of a limited length."""
    return "".join(_counted(pieces))


def _counted(pieces: Iterable[str]) -> Iterator[str]:
    size = 0
    for piece in pieces:
        size += len(piece)
        _need_room(size)
        yield piece


def _check(node: nodes.Node, loops: int) -> None:
    if not isinstance(node, _NODES) or (isinstance(node, nodes.For) and node.recursive):
        raise SecurityError(f"'{type(node).__name__.lower()}' cannot be used in an inventory")
    loops += isinstance(node, nodes.For)
    if loops > LOOPS:
        raise SecurityError(f"more than {LOOPS} loops inside of one another cannot be used")
    for child in node.iter_child_nodes():
        _check(child, loops)


class _Concatenations(NodeTransformer):
    """Make each `a ~ b` a sum of texts: only operators can be checked while they run."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        texts = [
            nodes.Filter(each, "string", [], [], None, None, lineno=node.lineno)
            for each in node.nodes
        ]
        whole: nodes.Expr = texts[0]
        for text in texts[1:]:
            whole = nodes.Add(whole, text, lineno=node.lineno)
        return whole


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator whose result may be much larger than what it is given."""
        if operator == "%" and isinstance(left, str):
            raise SecurityError("'%' cannot format text in an inventory; join it with '~'")
        if operator == "+" and hasattr(left, "__len__") and hasattr(right, "__len__"):
            _need_room(len(left) + len(right))
        if operator == "*":
            _need_room(_size(left) * _factor(right))
            _need_room(_size(right) * _factor(left))
        if operator in ("*", "**") and isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * max(right, 1) if operator == "**" else 0
            bits = bits or left.bit_length() + right.bit_length()
            if bits > BITS:
                raise SecurityError(f"a number cannot have more than {BITS} bits in an inventory")
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function of the inventory's own, or a harmless method of a text or a container."""
        name, owner = getattr(called, "__name__", ""), getattr(called, "__self__", None)
        if isinstance(called, jinja2.Undefined):
            return called()
        if name == "replace" and isinstance(owner, str):
            return _replace(owner, *args, **kwargs)
        if name == "join" and isinstance(owner, str):
            (parts,) = args
            return _join(parts, owner)
        if called is _range or getattr(called, "for_inventory", False):
            return called(*args, **kwargs)
        if name not in _METHODS or isinstance(owner, type):
            raise SecurityError(f"'{name or called}' cannot be called in an inventory")
        return super().call(context, called, *args, **kwargs)


def for_inventory(function: Callable[..., object]) -> Callable[..., object]:
    """Mark a function as one that an expression may call."""
    function.for_inventory = True  # type: ignore[attr-defined]
    return function


def _size(value: object) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 0


def _factor(value: object) -> int:
    return value if isinstance(value, int) else 0


def _need_room(size: int) -> None:
    if size > LONGEST:
        raise SecurityError(f"a value must not be larger than {LONGEST} characters or items")


def _range(*numbers: int) -> range:
    found = range(*numbers)
    if len(found) > RANGE:
        raise SecurityError(f"'range' must not have more than {RANGE} numbers")
    return found


def _replace(value: object, old: str, new: str, count: int = -1) -> str:
    text, old, new = str(value), str(old), str(new)
    _need_room(len(text) + text.count(old) * len(new))
    return text.replace(old, new, count if count is not None else -1)


def _join(value: Iterable[object], between: str = "", attribute: str | None = None) -> str:
    if attribute is not None:
        raise SecurityError("'join' takes no attribute in an inventory; use 'map' before it")
    between, first, size = str(between), True, 0
    pieces: list[str] = []
    for each in value:
        piece = str(each) if first else between + str(each)
        size += len(piece)
        _need_room(size)
        pieces.append(piece)
        first = False
    return "".join(pieces)
