"""Ansible's ``lookup`` and ``query``: what an expression may read beside variables.

Nothing here runs a program or asks the network, since `check` reads inventories that nobody has
reviewed yet.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision.inventory.sandbox import LONGEST, Missing
from provision.inventory.variables import Misused, NeedsProgram, Unusable

_PREFIX = "ansible.builtin."
_RUNS_OR_ASKS = ("pipe", "url", "password")


@dataclass(frozen=True)
class Surroundings:
    """What lookups need of the host that they are for.

    ``folders`` are where relative paths start, the first one first; ``note_unset`` is called with
    the name of an environment variable that is not set.
    """

    variables: Mapping[str, object]
    folders: tuple[Path, ...]
    note_unset: Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """One call of a lookup."""

    around: Surroundings
    terms: list[Any]
    options: dict[str, Any]


def functions(around: Surroundings) -> dict[str, Callable[..., object]]:
    """Return ``lookup``, ``query`` and ``q`` for one host's expressions."""

    def query(kind: str, *terms: Any, **options: Any) -> object:
        return _run(around, kind, terms, options)

    def lookup(kind: str, *terms: Any, wantlist: bool = False, **options: Any) -> object:
        found = _run(around, kind, terms, options)
        return found if wantlist or not isinstance(found, list) else _joined(found)

    return {"lookup": lookup, "query": query, "q": query}


def _run(
    around: Surroundings, kind: str, terms: Sequence[Any], options: dict[str, Any]
) -> list[Any] | Missing | None:
    for value in (*terms, *options.values()):
        if isinstance(value, Missing) and not (kind.endswith("env") and value in options.values()):
            return value
    name = kind.removeprefix(_PREFIX)
    if name in _RUNS_OR_ASKS:
        what = f"lookup('{name}') is not carried out by this version"
        raise NeedsProgram(what, what)
    if name not in _KINDS:
        known = ", ".join(sorted(_KINDS))
        raise Unusable(f"lookup '{kind}' is not known here; there are {known}", "unknown lookup")
    errors = options.pop("errors", "strict")
    options.pop("wantlist", None)
    try:
        return _KINDS[name](Asked(around, list(terms), options))
    except Unusable:
        if errors == "strict":
            raise
        return None


def _joined(found: list[Any]) -> object:
    """Return what ``lookup`` makes of a list: texts joined, one item alone, or the list."""
    if found and all(isinstance(item, str) for item in found):
        return ",".join(found)
    return found[0] if len(found) == 1 else found


def _env(asked: Asked) -> list[Any]:
    found: list[Any] = []
    for term in asked.terms:
        name = _text("env", term)
        if name not in os.environ and "default" not in asked.options:
            asked.around.note_unset(name)
        found.append(os.environ.get(name, asked.options.get("default", "")))
    return found


def _file(asked: Asked) -> list[Any]:
    found = []
    for term in asked.terms:
        path = _first_there(asked.around, _text("file", term))
        try:
            text = _read(path)
        except (OSError, ValueError) as error:
            why = (getattr(error, "strerror", None) or "it is not UTF-8").replace("\n", " ")
            what = f"lookup('file'): {path}: {why}"
            raise Unusable(what, f"lookup('file'): {why}") from None
        text = text.lstrip() if asked.options.get("lstrip", False) else text
        found.append(text.rstrip() if asked.options.get("rstrip", True) else text)
    return found


def _first_there(around: Surroundings, term: str) -> Path:
    path = Path(os.path.expanduser(term))  # noqa: PTH111 - a user that does not exist stays as written
    places = [folder / sub / path for folder in around.folders for sub in ("files", "")]
    return next((place for place in places if place.exists()), places[-1])


def _read(path: Path) -> str:
    """Read a small regular file: a device or a pipe would never end."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it must be a regular file")
    if found.st_size > LONGEST:
        raise OSError(errno.EFBIG, f"it must have at most {LONGEST} bytes")
    return path.read_text(encoding="utf-8")


def _vars(asked: Asked) -> list[Any]:
    found = []
    for term in asked.terms:
        name = _text("vars", term)
        if name in asked.around.variables:
            found.append(asked.around.variables[name])
        else:
            found.append(asked.options.get("default", Missing(name=name)))
    return found


def _first_found(asked: Asked) -> list[Any]:
    skip = bool(asked.options.get("skip", False))
    for term in _flat(asked.terms) or _flat([asked.options.get("files", [])]):
        params = term if isinstance(term, dict) else {"files": [term], **_paths(asked.options)}
        skip = skip or bool(params.get("skip", False))
        for file in _words(params.get("files", [])):
            for folder in _words(params.get("paths", [])) or [""]:
                path = _first_there(asked.around, os.path.join(folder, file))  # noqa: PTH118 - texts
                if path.exists():
                    return [str(path)]
    if skip:
        return []
    raise Unusable("lookup('first_found'): none of the files exists", "first_found: no file")


def _paths(options: dict[str, Any]) -> dict[str, Any]:
    return {"paths": options["paths"]} if "paths" in options else {}


def _fileglob(asked: Asked) -> list[Any]:
    for term in asked.terms:
        path = Path(os.path.expanduser(_text("fileglob", term)))  # noqa: PTH111 - as above
        for folder in (f / s / path.parent for f in asked.around.folders for s in ("files", "")):
            found = [str(p) for p in sorted(folder.glob(path.name)) if p.is_file()]
            if found:
                return found
    return []


def _dict(asked: Asked) -> list[Any]:
    found = []
    for term in _flat(asked.terms):
        if not isinstance(term, Mapping):
            raise Misused("lookup('dict') takes a mapping")
        found += [{"key": key, "value": value} for key, value in term.items()]
    return found


def _items(asked: Asked) -> list[Any]:
    return _flat(asked.terms)


def _list(asked: Asked) -> list[Any]:
    return asked.terms


def _indexed_items(asked: Asked) -> list[Any]:
    return [[number, item] for number, item in enumerate(_flat(asked.terms))]


def _flat(terms: Sequence[Any]) -> list[Any]:
    """Return the terms, and the items of those that are lists."""
    return [item for term in terms for item in (term if isinstance(term, list | tuple) else [term])]


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [word for word in value.replace(";", ",").split(",") if word]
    return [str(each) for each in value]


def _text(kind: str, term: Any) -> str:
    if not isinstance(term, str):
        what = f"lookup('{kind}') takes texts, and one of its terms is {type(term).__name__}"
        raise Misused(what)
    return term


_KINDS: dict[str, Callable[[Asked], list[Any]]] = {
    "dict": _dict,
    "env": _env,
    "file": _file,
    "fileglob": _fileglob,
    "first_found": _first_found,
    "indexed_items": _indexed_items,
    "items": _items,
    "list": _list,
    "vars": _vars,
}
