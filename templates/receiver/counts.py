"""Counters that all worker processes share and that outlive each of them.

A fixed set of named numbers in a file that every worker maps into its memory. It lies in /run:
it survives restarts of the receiver, and a full disk does not affect it. The same file holds the token
buckets that limit the rate of posts for all workers together. prometheus_client's multiprocess mode has
counters only, so it cannot replace this module.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import struct
from collections.abc import Iterator, MutableMapping, Sequence
from typing import BinaryIO, cast


class Counts(MutableMapping[str, float]):
    """Numbers by name, 0 at first. The file is created if it is missing or has other names."""

    def __init__(self, path: str, names: Sequence[str]) -> None:
        self._index = {name: number for number, name in enumerate(names)}
        self._head = json.dumps(names).encode() + b"\n"
        self._head += b" " * (-len(self._head) % 8)
        # why no other process sees these numbers; empty if all do
        self.alone = ""
        self._file = self._open(path)
        self._map = mmap.mmap(self._file.fileno(), 0)
        self._numbers = memoryview(self._map)[len(self._head) :].cast("d")

    def _open(self, path: str) -> BinaryIO:
        """Return the file, with our names; if there can be none, one of this process alone."""
        try:
            with open(path + ".lock", "w") as lock:
                fcntl.lockf(lock, fcntl.LOCK_EX)
                self._make(path)
                return open(path, "r+b")
        except OSError as error:
            self.alone = "cannot share the numbers of events and polls: %s" % error.strerror
            alone = cast(BinaryIO, open(os.memfd_create("counts"), "w+b"))
            alone.write(self._head + bytes(8 * len(self._index)))
            alone.flush()
            return alone

    def _make(self, path: str) -> None:
        old: dict[str, float] = {}
        with contextlib.suppress(OSError, ValueError, struct.error), open(path, "rb") as stream:
            raw = stream.read()
            if raw.startswith(self._head):
                return
            names = json.loads(raw[: raw.index(b"\n")])
            numbers = raw[len(raw) - 8 * len(names) :]
            old = dict(zip(names, struct.unpack("%dd" % len(names), numbers)))
        values = [old.get(name, 0.0) for name in self._index]
        with open(path + ".new", "wb") as stream:
            stream.write(self._head + struct.pack("%dd" % len(values), *values))
        os.replace(path + ".new", path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing a number. The lock of a process that dies is released."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __getitem__(self, name: str) -> float:
        return self._numbers[self._index[name]]

    def __setitem__(self, name: str, value: float) -> None:
        self._numbers[self._index[name]] = value

    def __delitem__(self, name: str) -> None:
        raise TypeError("the set of numbers is fixed")

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def add(self, name: str, amount: float = 1) -> None:
        """Add to a number, under the lock."""
        with self.locked():
            self[name] += amount

    def take_token(self, name: str, rate: float, burst: float, now: float) -> bool:
        """Return whether one more event of ``name`` is within ``rate`` a second and ``burst`` at once."""
        with self.locked():
            tokens_name, at_name = name_bucket(name)
            tokens, at = self[tokens_name], self[at_name]
            passed = max(now - at, 0)  # a clock that is set back takes nothing away
            tokens = min(burst, max(tokens, 0) + passed * rate) if at else burst
            enough: bool = tokens >= 1
            # keep a part of a token: asked more often than the rate, it would never become one
            self[tokens_name], self[at_name] = tokens - enough, now
            return enough


def name_bucket(name: str) -> tuple[str, str]:
    """Return the names of the two numbers of ``take_token``: tokens that are left, and since when."""
    return name + ":tokens", name + ":at"
