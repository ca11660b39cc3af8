"""Filters on paths. Only `realpath` and `fileglob` read the file system."""

from __future__ import annotations

import glob
import ntpath
import posixpath
from collections.abc import Callable
from typing import Any

from provision.inventory.variables import Misused, Unusable


def join_path(value: Any) -> str:
    """Return the parts of a path joined (`path_join`)."""
    parts = [value] if isinstance(value, str) else list(value)
    if not parts or not all(isinstance(part, str) for part in parts):
        raise Misused("path_join takes a list of strings")
    return str(posixpath.join(*map(str, parts)))


def find_common_path(value: Any) -> str:
    """Return the longest path that all paths share (`commonpath`)."""
    try:
        return str(posixpath.commonpath(list(value)))
    except (ValueError, TypeError):
        raise Unusable("commonpath takes a list of paths", "bad list of paths") from None


def list_files(value: Any) -> list[str]:
    """Return the files that match a pattern (`fileglob`)."""
    paths = glob.glob(str(value))  # noqa: PTH207 - the pattern may be absolute
    return [path for path in sorted(paths) if posixpath.isfile(path)]


FILTERS: dict[str, Callable[..., Any]] = {
    "basename": lambda value: posixpath.basename(str(value)),
    "commonpath": find_common_path,
    "dirname": lambda value: posixpath.dirname(str(value)),
    "expanduser": lambda value: posixpath.expanduser(str(value)),
    "expandvars": lambda value: posixpath.expandvars(str(value)),
    "fileglob": list_files,
    "normpath": lambda value: posixpath.normpath(str(value)),
    "path_join": join_path,
    "realpath": lambda value: posixpath.realpath(str(value)),
    "relpath": lambda value, start=".": posixpath.relpath(str(value), str(start)),
    "splitext": lambda value: list(posixpath.splitext(str(value))),
    "win_basename": lambda value: ntpath.basename(str(value)),
    "win_dirname": lambda value: ntpath.dirname(str(value)),
    "win_splitdrive": lambda value: list(ntpath.splitdrive(str(value))),
}
