"""The folder of run files: their names, the newest one, and how many are kept."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from provision.engine.fleet.run_files import RunFile, RunHead
from provision.engine.fleet.run_reader import make_error, read_head
from provision.engine.fleet.shards import Shard
from provision.errors import InputError, Problem
from provision.inventory.loader import find_folder

NAME = "banstitch-runs"
# The newest that are kept, of all verbs; of each shard as many.
KEPT = 100
_FILE = re.compile(
    r"(?P<stamp>\d{8}T\d{6}Z)-[a-z]+(?:-(?P<shard>\d+of\d+))?(?:\.(?P<number>\d+))?\.jsonl"
)


def find_run_folder(source: str) -> Path:
    """Return the folder beside that of an inventory source: in it, run files would be read as inventories."""
    return Path(os.path.abspath(find_folder(source))).parent / NAME  # noqa: PTH100 - it removes ..


def open_run_file(folder: Path, head: RunHead, warn: Callable[[str], object]) -> RunFile:
    """Return a new run file in ``folder``, readable by its owner only; delete the oldest ones.

    Without a file nothing is lost but the report: ``warn`` is called with the reason.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, descriptor = _create(folder, head)
    except OSError as error:
        warn(f"no run file in {folder}: {error.strerror}; --run-dir names another folder")
        return RunFile()
    with suppress(OSError):
        alike = [each for each in list_files(folder) if _read_shard(each) == _read_shard(path)]
        for old in alike[KEPT:]:
            old.unlink()
    return RunFile(path, descriptor, warn)


def _create(folder: Path, head: RunHead) -> tuple[Path, int]:
    stamp = datetime.fromisoformat(head.started).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    part = f"-{head.shard.number}of{head.shard.of}" if head.shard else ""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    # a number that was deleted is not given again, since the file would count as an old one
    numbers = [_read_place(path) for path in list_files(folder)]
    number = max((count for other, count in numbers if other == stamp), default=0) + 1
    while True:
        again = f".{number}" if number > 1 else ""
        path = folder / f"{stamp}-{head.verb}{part}{again}.jsonl"
        with suppress(FileExistsError):
            return path, os.open(path, flags, 0o600)
        number += 1


def list_files(folder: Path) -> list[Path]:
    """Return the run files of a folder, the newest first."""
    found = [path for path in folder.iterdir() if _FILE.fullmatch(path.name) and path.is_file()]
    return sorted(found, key=_read_place, reverse=True)


def _read_place(path: Path) -> tuple[str, int]:
    """Return the time in the name of a run file, and its number among those of the same second."""
    match = _FILE.fullmatch(path.name)
    return (match["stamp"], int(match["number"] or 1)) if match else ("", 0)


def _read_shard(path: Path) -> str | None:
    match = _FILE.fullmatch(path.name)
    return match["shard"] if match else None


def find_newest(folder: Path, now: RunHead) -> Path:
    """Return the newest run file of the verb and the inventory of ``now``, and of its shard if it has one.

    Raises:
        InputError: there is none; or it is one of several shards, and ``now`` is no shard.
    """
    files: list[Path] = []
    with suppress(OSError):
        files = list_files(folder)
    for path in files:
        head = read_head(path)
        if head is None or head.verb != now.verb or not head.is_of_inventory(now):
            continue
        if head.shard == now.shard:
            return path
        if now.shard is None:
            message = f"is from shard {head.shard}, and there are others"
            raise make_error(path, message, "name the run file, or give --shard")
    message = f"{folder} has no run file of {now.verb} for this inventory{_name_shard(now.shard)}"
    raise InputError([Problem("", 0, message, "name the run file, or run without this option")])


def _name_shard(shard: Shard | None) -> str:
    return f" and shard {shard}" if shard else ""
