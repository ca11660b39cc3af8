"""Read files that another user of the ban host wrote, as data: no link is followed, and sizes are bounded.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import os
import stat
from typing import Any

_LONGEST = 200
_LARGEST_NUMBER = 10**11


def read_small_file(path: str, most: int) -> bytes:
    """Return the content of a plain file of at most ``most`` bytes.

    Raises:
        OSError, ValueError: it cannot be read, is something else, or is larger.
    """
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode) or about.st_size > most:
            raise ValueError("%s is not a plain file, or is too large" % path)
        return os.read(file, most)
    finally:
        os.close(file)


def take_text(value: Any) -> str:
    """Return a text, cut to a bound. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError("it is not a text")
    return value[:_LONGEST]


def take_number(value: Any) -> float:
    """Return a number that may be a time or a count. Raises ValueError, TypeError."""
    try:
        number = float(value)
    except OverflowError:  # a number of hundreds of digits
        raise ValueError("it is not a number that this file may have") from None
    if not 0 <= number <= _LARGEST_NUMBER:
        raise ValueError("it is not a number that this file may have")
    return number
