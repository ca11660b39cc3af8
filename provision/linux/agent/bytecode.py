"""Compile the Python modules of new packages while dpkg unpacks the others.

Each package compiles its modules when dpkg configures it, one package after another, and passes over those
that are compiled already. The other core of the host would be idle meanwhile.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from threading import Event

# The lists of the files of each package, which dpkg writes when it has put them in place.
LISTS = "/var/lib/dpkg/info"
# The folder of modules that packages compile for the distribution's Python.
MODULES = "/usr/lib/python3/dist-packages"
PYTHON = "/usr/bin/python3"
# Seconds between two looks for new packages.
PAUSE = 0.05


def compile_new(known: Set[str], ended: Event) -> None:
    """Compile the modules of each package that dpkg unpacks, until ``ended`` is set.

    ``known``: :func:`list_packages` before the first of them. A module that cannot be compiled, or not by
    this Python, is left to its package.
    """
    if os.path.realpath(sys.executable) != os.path.realpath(PYTHON):
        return
    # most requests install nothing, and this takes long to import
    import py_compile
    import warnings

    warnings.simplefilter("ignore")
    while not ended.wait(PAUSE):
        new = list_packages() - known
        known |= new
        for path in _list_modules(sorted(new)):
            if ended.is_set():
                return
            with suppress(OSError):
                py_compile.compile(path, quiet=2)


def list_packages() -> Set[str]:
    """Return the names of the lists that dpkg has."""
    with suppress(OSError):
        return {name for name in os.listdir(LISTS) if name.endswith(".list")}
    return set()


def _list_modules(lists: Iterable[str]) -> Iterator[str]:
    for name in lists:
        path = os.path.join(LISTS, name)
        with suppress(OSError), open(path, encoding="utf-8", errors="surrogateescape") as file:
            yield from (each for each in file.read().splitlines() if _is_module(each))


def _is_module(path: str) -> bool:
    return path.startswith(MODULES + "/") and path.endswith(".py")


def forget(paths: Iterable[str]) -> None:
    """Remove what was compiled of the files and folders of packages that were purged.

    A package removes its bytecode itself, but not if the power failed before it was configured.
    """
    for path in sorted(paths, reverse=True):  # each folder after what is in it
        if _is_module(path) and not os.path.lexists(path):
            drop(path)
        elif path.startswith(MODULES + "/") and os.path.isdir(path) and not os.listdir(path):
            os.rmdir(path)


def drop(path: str) -> None:
    """Remove the compiled copies that Python left beside a module."""
    if not path.endswith(".py"):
        return
    folder, base = os.path.split(path)
    cache = os.path.join(folder, "__pycache__")
    for compiled in glob.glob(os.path.join(glob.escape(cache), base[:-3] + ".*.pyc")):
        os.unlink(compiled)
    if os.path.isdir(cache) and not os.listdir(cache):
        os.rmdir(cache)
