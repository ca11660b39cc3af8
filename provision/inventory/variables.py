"""A variable of the inventory before it is resolved: what was written, and where."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from provision.errors import Problem


@dataclass(frozen=True, order=True)
class Where:
    """A place in the input; ``line`` counts from 1, 0 stands for the whole file or option."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file

    def problem(self, what: str, instead: str = "") -> Problem:
        """A problem at this place."""
        return Problem(self.file, self.line, what, instead)


@dataclass(frozen=True)
class Variable:
    """The value as written, templates and all, and where it was written."""

    value: object
    where: Where


@dataclass(frozen=True)
class Vaulted:
    """Stands for what ansible-vault encrypted: unreadable here, harmless until needed."""


@dataclass(frozen=True)
class Foreign:
    """Stands for a value with a YAML tag that means nothing here: harmless until needed."""

    tag: str


class Unsafe(str):
    """A text tagged ``!unsafe``: braces in it are text and no template."""

    __slots__ = ()


Variables = Mapping[str, Variable]


def suggest_name(wrong: str, known: Iterable[str]) -> str:
    """``did you mean X?``, or nothing when nothing known is near."""
    near = difflib.get_close_matches(wrong, sorted(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""


class Unusable(Exception):
    """A value cannot be computed.

    ``brief`` says why without a word of the inventory, for variables that may be secret.
    """

    def __init__(self, what: str, brief: str = "") -> None:
        super().__init__(what)
        self.brief = brief


class Misused(Unusable):
    """A filter, test or lookup is misused; the message has no word of the inventory."""

    def __init__(self, what: str) -> None:
        super().__init__(what, brief=what)


class NeedsProgram(Unusable):
    """A value is what a program prints, and that program is not run."""


class Omitted:
    """The value of ``omit``: a variable that has it counts as not set."""


OMIT = Omitted()

_SECRET = re.compile(r"pass|pwd|secret|token|key|psk|credential|vault", re.IGNORECASE)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Check whether a variable of this name may hold a secret: no message quotes its text."""
    return bool(_SECRET.search(name))
