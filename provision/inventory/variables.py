"""The variables of an inventory as they were written, each with its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from provision.errors import Problem


@dataclass(frozen=True, order=True)
class Where:
    """A place in the input; ``line`` counts from 1, and 0 is the whole file or option."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file

    def problem(self, message: str, remedy: str = "") -> Problem:
        """Return a problem at this place; ``remedy`` says what to write there."""
        return Problem(self.file, self.line, message, remedy)


@dataclass(frozen=True)
class Variable:
    """A value as it was written, templates included, and its place; ``sealed``: its file was encrypted."""

    value: object
    where: Where
    sealed: bool = False


@dataclass(frozen=True)
class Vaulted:
    """A value that ansible-vault encrypted, as it was written; it is decrypted when it is used."""

    text: str
    line: int = 0


@dataclass(frozen=True)
class Foreign:
    """A value with an unknown YAML tag, which is an error only if it is used."""

    tag: str


class Unsafe(str):
    """A string tagged ``!unsafe``: braces in it do not make it a template."""

    __slots__ = ()


Variables = Mapping[str, Variable]

# Names through which an expression may reach a secret whose own name it does not mention.
SOURCES = ("hostvars", "lookup", "q", "query", "vars")


def suggest_name(wrong: str, known: Iterable[str]) -> str:
    """Return ``did you mean X?`` with the known name nearest to ``wrong``, or an empty string."""
    near = difflib.get_close_matches(wrong, sorted(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""


class Unusable(Exception):
    """A value cannot be computed.

    ``brief`` gives the reason without quoting the inventory, for variables that may be secret.
    """

    def __init__(self, message: str, brief: str = "") -> None:
        super().__init__(message)
        self.brief = brief


class Misused(Unusable):
    """A filter, test or lookup is misused; the message does not quote the inventory."""

    def __init__(self, message: str) -> None:
        super().__init__(message, brief=message)


class NeedsProgram(Unusable):
    """A value is the output of a program, which is not run."""


class Omitted:
    """The value of ``omit``: a variable with it counts as not set."""


OMIT = Omitted()

_SECRET = re.compile(r"pass|pwd|secret|token|key|psk|credential|vault", re.IGNORECASE)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Return whether a variable of this name may be secret, so that no message may quote its value."""
    return bool(_SECRET.search(name))
