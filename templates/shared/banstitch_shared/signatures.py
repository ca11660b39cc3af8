"""Tell whether a file was replaced since it was read.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import os
from typing import NamedTuple


class Signature(NamedTuple):
    """The state of a file. ``changed_at``: nanoseconds since the epoch; ``size``: bytes."""

    inode: int
    changed_at: int
    size: int


def read_signature(path: str) -> Signature | None:
    """Return the signature of a file, or None if there is none."""
    try:
        return make_signature(os.stat(path))
    except OSError:
        return None


def make_signature(about: os.stat_result) -> Signature:
    """Return the signature of a file from its ``stat``."""
    return Signature(about.st_ino, about.st_mtime_ns, about.st_size)
