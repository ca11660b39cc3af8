"""Saved plans: the file that `plan --out` writes, and how `apply FILE` carries it out.

The file is JSON that people review. Its hash detects damage, and `--expect` binds an approval to it. Nothing
in the file is believed: each site is planned again, and nothing is sent there unless both plans are equal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from provision import VERSION
from provision.errors import InputError, Problem
from provision.plan import (
    Document,
    SitePlan,
    format_canonical,
    from_document,
    to_document,
)

# The version of the form of the file.
FORMAT = 1
# Texts of many lines, which the file holds as lists of lines so that they can be read.
_TEXTS = ("diff", "cli", "content")
_REMEDY = "make a new plan with plan --out"


@dataclass(frozen=True)
class SavedPlan:
    """The plans of a run at many sites. ``inventory`` and ``limit``, as given then, are for the reader."""

    sites: tuple[SitePlan, ...]
    inventory: tuple[str, ...] = ()
    limit: str = ""
    adopt: bool = False
    forget: tuple[str, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The targets that the plan names."""
        return tuple(target.host for site in self.sites for target in site.targets)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the canonical content, in hex."""
        return _hash(_describe(self))


def format_saved(saved: SavedPlan) -> str:
    """Return the text of the file."""
    return json.dumps({"sha256": saved.digest, **_describe(saved)}, indent=2) + "\n"


def read_saved(path: Path, expected: str | None = None) -> SavedPlan:
    """Return the plan in the file at ``path``; ``expected``: the hash that it must have. An empty one
    is a mistake, as of a variable that is not set, and no plan has it.

    Raises:
        InputError: the file cannot be read, is damaged, is no saved plan, or is not the expected one.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise _make_error(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _make_error(path, "is damaged: it must be UTF-8") from None
    try:
        document = json.loads(text, object_pairs_hook=_refuse_duplicates)
    except (ValueError, RecursionError) as error:
        raise _make_error(path, f"must be a saved plan, which is JSON ({error})") from None
    if not isinstance(document, dict) or not {"banstitch", "format", "sha256"} <= document.keys():
        raise _make_error(path, "must be a saved plan")
    _check_head(path, document, expected)
    try:
        return _read_content(document)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _make_error(path, f"must have the form of a saved plan: {error}") from None


def _check_head(path: Path, document: Document, expected: str | None) -> None:
    stated = document.pop("sha256")
    if document["format"] != FORMAT:
        found = f"{document['format']!r:.20}"
        raise _make_error(path, f"must be a saved plan of format {FORMAT} (got {found})")
    if document["banstitch"] != VERSION:
        maker = f"{document['banstitch']!s:.20}"
        raise _make_error(path, f"was made by Banstitch {maker}, and this is {VERSION}")
    actual = _hash(document)
    if stated != actual:
        raise _make_error(path, "is damaged or was edited: its content does not match its sha256")
    if expected is not None and expected.lower() != actual:
        message = f"is not the plan that was approved: its sha256 is {actual}"
        raise _make_error(path, message, "read it with show, and approve it again")


def _make_error(path: Path, message: str, remedy: str = _REMEDY) -> InputError:
    return InputError([Problem("", 0, f"{path} {message}", remedy)])


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; a reader might take the other one of two equal keys for the right one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _hash(content: Document) -> str:
    return hashlib.sha256(format_canonical(content).encode()).hexdigest()


def _describe(saved: SavedPlan) -> Document:
    """Return the content of the file, without its hash."""
    return {
        "banstitch": VERSION,
        "format": FORMAT,
        "inventory": list(saved.inventory),
        "limit": saved.limit,
        "adopt": saved.adopt,
        "forget": list(saved.forget),
        "sites": [_split_site(to_document(site)) for site in saved.sites],
    }


def _read_content(document: Document) -> SavedPlan:
    from pydantic import TypeAdapter

    content = {key: document[key] for key in document.keys() - {"banstitch", "format", "sites"}}
    head = TypeAdapter(SavedPlan).validate_python({**content, "sites": ()})
    saved = replace(head, sites=tuple(map(from_document, map(_join_site, document["sites"]))))
    if any(site.verb != "apply" for site in saved.sites):
        raise ValueError("each plan must be one of apply")
    if not saved.hosts:
        raise ValueError("it must name a target")
    for names in ([site.name for site in saved.sites], saved.hosts):
        if len({*names}) < len(names):
            raise ValueError("a site or a target must not occur twice")
    if _hash(_describe(saved)) != _hash(document):
        raise ValueError("it has unknown parts")
    return saved


# --- texts of many lines ---------------------------------------------------------------------------


def _split_site(site: Document) -> Document:
    return {**site, "targets": [_map_texts(each, _split_text) for each in site["targets"]]}


def _join_site(site: Document) -> Document:
    return {**site, "targets": [_map_texts(each, _join_text) for each in site["targets"]]}


def _map_texts(target: Document, convert: Callable[[Any], Any]) -> Document:
    """Return a target with each text of its changes and steps converted."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: convert(x) if key in _TEXTS else walk(x) for key, x in value.items()}
        return [walk(item) for item in value] if isinstance(value, list | tuple) else value

    return {**target, "changes": walk(target["changes"]), "steps": walk(target["steps"])}


def _split_text(text: Any) -> Any:
    return text.split("\n") if isinstance(text, str) and "\n" in text else text


def _join_text(lines: Any) -> Any:
    return "\n".join(lines) if isinstance(lines, list) else lines
