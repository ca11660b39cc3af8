"""Run the expressions of an inventory in Jinja's sandbox, and limit the size of their values.

`check` reads inventories that nobody has reviewed yet. The sandbox decides which attributes and functions
an expression may use, so that no expression can run code.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    ValuesView,
)
from dataclasses import dataclass
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.compiler import Frame
from jinja2.exceptions import SecurityError
from jinja2.lexer import Lexer
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from provision.errors import InputError
from provision.inventory.variables import OMIT, Omitted, Unusable

# Characters and items of a value, added up: the names of all hosts of a large inventory fit.
LONGEST = 1_000_000
# Bits of an integer that `*` or `**` yields.
BITS = 4096
# Levels of lists and mappings in a value.
DEEPEST = 100
_SIMPLE = (bytes, int, float, datetime.date, datetime.time, datetime.timedelta, type(None))


class TooLarge(SecurityError):
    """A value is too large; the message quotes nothing of it."""

    brief = f"a value must have at most {LONGEST} characters and items"


class Missing(jinja2.StrictUndefined):
    """An undefined value, as in Ansible: its attributes are undefined too, and its use is an error.

    ``error`` is raised when it is used: the error of the undefined variable. ``broken``: the variable is
    defined but wrong, so that `default` must not hide the error.
    """

    __slots__ = ("broken", "error")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.error: InputError | None = None
        self.broken = False

    def set_error(self, error: InputError, broken: bool) -> Missing:
        """Set the error that the use of this value raises, and return the value."""
        self.error, self.broken = error, broken
        return self

    def _fail(self, *_: Any, **__: Any) -> NoReturn:
        if self.error:
            raise self.error
        self._fail_with_undefined_error()

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "jinja_")) or name in ("unsafe_callable", "alters_data"):
            raise AttributeError(name)  # Jinja itself reads these of any value
        return self._fail() if self.broken else self

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self._fail() if self.broken else self

    def __getitem__(self, key: Any) -> Any:
        return self._fail() if self.broken else self

    __iter__ = __str__ = __repr__ = __len__ = __bool__ = __hash__ = __contains__ = _fail
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __int__ = __float__ = _fail
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __rmod__ = _fail
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __pow__ = __rpow__ = _fail
    __neg__ = __pos__ = _fail


@dataclass(frozen=True)
class AcceptsUndefined:
    """A filter that handles undefined values itself."""

    function: Callable[..., Any]


class _Lexer(Lexer):
    """A lexer that keeps backslashes in strings within ``{{ }}``, as Ansible does.

    So `regex_replace('(a)', '\\1')` needs no second backslash.
    """

    def tokeniter(self, *args: Any, **options: Any) -> Iterator[tuple[int, str, str]]:
        inside = False
        for line, kind, text in super().tokeniter(*args, **options):
            if kind in ("variable_begin", "variable_end"):
                inside = kind == "variable_begin"
            yield line, kind, text.replace("\\", "\\\\") if inside and kind == "string" else text


class _Generator(NativeCodeGenerator):
    """A code generator that keeps the type of each value, also of constants."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> Any:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)


def join_pieces(pieces: Iterable[Any]) -> Any:
    """Return a single piece unchanged, several joined to a string, and `None` if there is none.

    In a string, `none` and `omit` become empty.

    Raises:
        SecurityError: the string is too long.
        InputError, UndefinedError: a part of the string is undefined.
    """
    size, kept = 0, []
    for piece in pieces:
        size += len(piece) if isinstance(piece, str) else 1
        check_size(size)
        kept.append(piece)
    if len(kept) < 2:
        return kept[0] if kept else None
    text = "".join("" if piece is None or piece is OMIT else str(piece) for piece in kept)
    check_size(len(text))
    return text


class Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox of Jinja's in which `*` and `**` cannot make huge values."""

    intercepted_binops = frozenset(["*", "**"])
    code_generator_class = _Generator
    concat = staticmethod(join_pieces)

    def __init__(self, **options: Any) -> None:
        super().__init__(undefined=Missing, autoescape=False, **options)
        del self.globals["lipsum"]  # it makes any amount of text, and inventories do not need it

    @functools.cached_property
    def lexer(self) -> Lexer:
        """The lexer of this environment."""
        return _Lexer(self)

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
                    check_size(len(text) * times)
        return super().call_binop(context, operator, left, right)

    def use_filters(self, more: Mapping[str, Callable[..., Any] | AcceptsUndefined]) -> None:
        """Add filters, and let each return an undefined argument unchanged, as in Ansible.

        Only filters in :class:`AcceptsUndefined` are called with undefined arguments.
        """
        self.filters.update(more)
        for name, added in list(self.filters.items()):
            accepts = isinstance(added, AcceptsUndefined)
            self.filters[name] = added.function if accepts else _pass_undefined(added)
        self.filters.update({f"ansible.builtin.{name}": f for name, f in self.filters.items()})

    def use_tests(self, more: Mapping[str, Callable[..., Any]]) -> None:
        """Add tests; all but `defined` and `undefined` refuse undefined arguments."""
        self.tests.update(more)
        tests: dict[str, Any] = {**self.tests}
        for name, test in tests.items():
            if name not in ("defined", "undefined"):
                self.tests[name] = _refuse_undefined(test)
        self.tests.update({f"ansible.builtin.{name}": f for name, f in self.tests.items()})


def _pass_undefined(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        for value in (*args, *options.values()):
            if isinstance(value, jinja2.Undefined):
                return value
        return function(*args, **options)

    return call


def _refuse_undefined(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        for value in args:
            if isinstance(value, jinja2.Undefined):
                str(value)
        return function(*args, **options)

    return call


def as_value(value: object) -> object:
    """Return the result of an expression as a value that a variable may have; an iterator becomes a list.

    Raises:
        SecurityError: the value is too large.
    """
    if isinstance(value, Iterator | range | KeysView | ValuesView | ItemsView):
        value = [item for item, _ in zip(value, range(LONGEST + 1), strict=False)]
    _check_total_size(value)
    return value


def _check_total_size(value: object) -> None:
    size, left = 0, [value]
    while left:
        part = left.pop()
        size += len(part) if isinstance(part, str | bytes | dict | list | tuple) else 1
        check_size(size)
        if isinstance(part, dict):
            left.extend(part.values())
        elif isinstance(part, list | tuple):
            left.extend(part)


def as_data(value: object, depth: int = 0) -> object:
    """Return ``value`` without its omitted parts, after a check that all of it is defined.

    Raises:
        InputError, UndefinedError: a part is undefined or wrong.
        SecurityError: it is nested too deeply.
        Unusable: a part is not a value.
    """
    if depth > DEEPEST:
        raise SecurityError(f"a value must be nested at most {DEEPEST} levels deep")
    if isinstance(value, jinja2.Undefined):
        if isinstance(value, Missing):
            str(value)
        raise jinja2.UndefinedError("an `if` without `else` yields nothing")
    if isinstance(value, Mapping):
        items = ((key, as_data(item, depth + 1)) for key, item in value.items())
        return {key: item for key, item in items if not isinstance(item, Omitted)}
    if isinstance(value, list | tuple):
        parts = [as_data(item, depth + 1) for item in value]
        kept = [part for part in parts if not isinstance(part, Omitted)]
        return tuple(kept) if isinstance(value, tuple) else kept
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (*_SIMPLE, Omitted)):
        return value
    raise Unusable(f"yields {type(value).__name__}, which is not a value")


def check_size(size: int) -> None:
    """Check that a value has at most :data:`LONGEST` characters and items.

    Raises:
        TooLarge: it has more.
    """
    if size > LONGEST:
        raise TooLarge(TooLarge.brief)
