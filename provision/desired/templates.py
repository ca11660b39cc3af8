"""Render templates to the text of files and CLI blocks.

One escaping filter per output language, so that a value of the inventory stays a value there: a
template writes ``{{ value | f2b }}`` and cannot end up with a second setting or a placeholder.
"""

from __future__ import annotations

import pprint
import re
import traceback
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from provision.errors import InputError, Problem
from provision.fortios.config.text import forti_quote
from provision.inventory.templates import open_folder

TEMPLATES = Path(__file__).parents[2] / "templates"

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./:@,+=%\[\]-]+")


def quote_systemd(value: object) -> str:
    """Return ``value`` as one word of a unit file: ``%`` doubled, quoted where needed (systemd.syntax(7))."""
    text = _check_one_line(value)
    if "$" in text:
        raise ValueError(f"{text!r} must not contain $, which systemd would expand")
    text = text.replace("%", "%%")
    if _PLAIN_WORD.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def escape_fail2ban(value: object) -> str:
    """Return ``value`` for a fail2ban file: ConfigParser expands ``%`` there and cuts at `` ;``."""
    text = _check_one_line(value)
    if re.search(r"(^|\s)[;#]", text):
        raise ValueError(f"{text!r} must not contain a comment sign, which would cut it short")
    return text.replace("%", "%%")


def format_literal(value: object) -> str:
    """Return ``value`` as a Python literal, laid out to be read.

    Raises ValueError for a value that has no literal. The text is not parsed to find out: up to Python
    3.11.7, ``ast`` fails now and then in several threads, and each site is rendered in its own.
    """
    _check_literal(value)
    return pprint.pformat(value, width=96, sort_dicts=False)


def _check_literal(value: object) -> None:
    if isinstance(value, dict):
        for item in (*value, *value.values()):
            _check_literal(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_literal(item)
    elif value is not None and type(value).__repr__ not in _SPELT:
        raise ValueError(f"{type(value).__name__} must not be part of a literal")


def _check_one_line(value: object) -> str:
    text = str(value)
    if not text.isprintable():
        raise ValueError(f"{text!r} must not contain a line break or another unprintable character")
    return text


# A kind of text or number that prints itself as a literal.
_SPELT = (str.__repr__, int.__repr__, bool.__repr__)

FILTERS = {
    "forti_quote": forti_quote,
    "systemd_value": quote_systemd,
    "f2b": escape_fail2ban,
    "pyliteral": format_literal,
}


@cache
def _open_environment(folder: Path) -> Any:
    """Return the environment of ``folder``, which compiles each template once."""
    env = open_folder(folder)
    env.filters.update(FILTERS)
    return env


def render(name: str, /, **values: object) -> str:
    """Return the text of ``templates/<name>`` with ``values`` filled in.

    Raises:
        InputError: with the template's file and line: a value that its output language cannot hold, a
            name that is not defined, a mistake in the template.
    """
    return _render_once(_Input(TEMPLATES, name, freeze(values), values))


@dataclass(frozen=True)
class _Input:
    """A template and its values; two with equal values are equal."""

    folder: Path
    name: str
    key: Hashable
    values: Mapping[str, object] = field(compare=False)


# Most sites share most texts. The bound keeps the others from adding up over a fleet.
@lru_cache(maxsize=256)
def _render_once(given: _Input) -> str:
    try:
        template = _open_environment(given.folder).get_template(given.name)
        return str(template.render(**given.values))
    except Exception as error:  # filters and expressions may raise anything
        line = _find_line(error, given.folder / given.name)
        raise InputError([Problem(f"templates/{given.name}", line, str(error))]) from error


def freeze(value: object) -> Hashable:
    """Return a key that is equal for two values only if both render alike: ``True`` is not ``1``."""
    if type(value) is str:
        return value
    if isinstance(value, Mapping):
        return (type(value), *((key, freeze(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return (type(value), *map(freeze, value))
    try:
        hash(value)
    except TypeError:
        return (type(value), freeze(vars(value)))
    return (type(value), value)


@cache
def read_file(name: str) -> str:
    """Return the text of ``templates/<name>``, a file that is deployed unchanged."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _find_line(error: Exception, path: Path) -> int:
    """Return the template's line: Jinja puts it into the traceback, or on a syntax error."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno or 0 for frame in frames if frame.filename == str(path)]
    return lines[-1] if lines else int(getattr(error, "lineno", 0))
