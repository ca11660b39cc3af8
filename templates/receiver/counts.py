"""Counters that all worker processes share and that outlive each of them.

A fixed set of named numbers in a file that every worker maps into its memory. It lies in /run:
it survives restarts of the receiver, and a full disk does not affect it. The same file holds the token
buckets that limit the rate of posts for all workers together. prometheus_client's multiprocess mode has
counters only, so it cannot replace this module.

Managed by Banstitch: changes made here are overwritten.
"""

import contextlib
import fcntl
import json
import mmap
import os
import struct


class Counts:
    """Numbers by name, 0 at first. ``path`` is made where it is missing or of other names."""

    def __init__(self, path, names):
        self._index = {name: number for number, name in enumerate(names)}
        self._head = json.dumps(names).encode() + b"\n"
        self._head += b" " * (-len(self._head) % 8)
        # why no other process sees these numbers, empty when all do
        self.alone = ""
        self._file = self._open(path)
        self._map = mmap.mmap(self._file.fileno(), 0)
        self._numbers = memoryview(self._map)[len(self._head) :].cast("d")

    def _open(self, path):
        """The file, of our names; where it cannot be had, one of this process alone."""
        try:
            with open(path + ".lock", "w") as lock:
                fcntl.lockf(lock, fcntl.LOCK_EX)
                self._make(path)
                return open(path, "r+b")
        except OSError as error:
            self.alone = "cannot share the numbers of events and polls: %s" % error.strerror
            alone = open(os.memfd_create("counts"), "w+b")
            alone.write(self._head + bytes(8 * len(self._index)))
            alone.flush()
            return alone

    def _make(self, path):
        old = {}
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
    def locked(self):
        """No other process changes a number meanwhile. The lock of a process that dies is free."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __getitem__(self, name):
        return self._numbers[self._index[name]]

    def __setitem__(self, name, value):
        self._numbers[self._index[name]] = value

    def add(self, name, amount=1):
        with self.locked():
            self[name] += amount

    def allowance(self, name, rate, burst, now):
        """Return whether one more event of ``name`` is within ``rate`` a second and ``burst`` at once."""
        with self.locked():
            tokens, at = self[name + ":tokens"], self[name + ":at"]
            passed = max(now - at, 0)  # a clock that is set back takes nothing away
            tokens = min(burst, max(tokens, 0) + passed * rate) if at else burst
            enough = tokens >= 1
            # a part of one is kept: asked more often than the rate, it would never become one
            self[name + ":tokens"], self[name + ":at"] = tokens - enough, now
            return enough
