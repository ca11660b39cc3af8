"""Read a run file, and refuse one that is no run file or is damaged."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.engine.fleet.run_files import FORMAT, RunEnd, RunHead, RunRecord
from provision.errors import InputError, Problem
from provision.results import SiteResult

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_REMEDY = "name another run file, or choose the sites with -l"


def read_run(path: Path) -> RunRecord:
    """Return the run in the file at ``path``. Its last line may be missing a part, if the run was killed.

    Raises:
        InputError: the file cannot be read, is no run file, or is damaged.
    """
    try:
        *lines, _ = path.read_bytes().split(b"\n")
    except OSError as error:
        raise make_error(path, f"cannot be read: {error.strerror}") from None
    head = _read_head(path, lines[0] if lines else b"")
    begun: set[str] = set()
    results: dict[str, SiteResult] = {}
    end: RunEnd | None = None
    for number, line in enumerate(lines[1:], 2):
        try:
            kind, content = _split_line(line)
            if kind == "site":
                result = _adapt(SiteResult).validate_python(content)
                _check_site(head, result)
                results[result.name] = result
            elif kind == "end":
                end = _adapt(RunEnd).validate_python(content)
            elif kind == "begun" and content in head.sites:
                begun.add(content)
            else:
                raise ValueError
        except (ValueError, TypeError, RecursionError):
            raise make_error(path, f"is damaged at line {number}") from None
    return RunRecord(path, head, frozenset(begun), results, end)


def read_head(path: Path) -> RunHead | None:
    """Return the head of a run file; None if the run was killed before it had begun.

    Raises:
        InputError: the file cannot be read, or is no run file.
    """
    try:
        with path.open("rb") as file:
            line = file.readline()
    except OSError as error:
        raise make_error(path, f"cannot be read: {error.strerror}") from None
    return _read_head(path, line) if line.endswith(b"\n") else None


def make_error(path: Path, message: str, remedy: str = _REMEDY) -> InputError:
    """Return the error about a run file."""
    return InputError([Problem("", 0, f"{path} {message}", remedy)])


def _read_head(path: Path, line: bytes) -> RunHead:
    try:
        kind, content = _split_line(line)
        if kind != "run":
            raise ValueError
    except (ValueError, TypeError, RecursionError):
        raise make_error(path, "must be a run file, as apply leaves one") from None
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise make_error(path, f"must be a run file of format {FORMAT} (got {found!r:.20})")
    try:
        head = _adapt(RunHead).validate_python(content)
    except (ValueError, RecursionError):
        raise make_error(path, "is damaged at line 1") from None
    assert isinstance(head, RunHead)
    return head


def _split_line(line: bytes) -> tuple[str, Any]:
    """Return the kind of a line and its content.

    Raises:
        ValueError: it is no JSON object with one key.
    """
    found = json.loads(line)
    if not isinstance(found, dict) or len(found) != 1:
        raise ValueError("a line must have one key")
    ((kind, content),) = found.items()
    return kind, content


def _check_site(head: RunHead, result: SiteResult) -> None:
    if result.name not in head.sites:
        raise ValueError("it has a site that its head does not name")


@cache
def _adapt(form: type) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(form)
