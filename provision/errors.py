"""Every error an operator can meet, so that each has one exit code and no traceback reaches them.

BanstitchError
  InputError (ValueError)   the inventory or the command line is wrong; nothing was contacted: exit 3
  TargetError               one target could not be brought where it should be
    Unreachable             no session with it: network, host key, login: exit 4
    Failed                  it answered and something went wrong there: exit 1
      Conflict              an object that is not ours stands where ours should
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_PLURALS = {"directory": "directories", "authority": "authorities"}


def spell_count(number: int, noun: str) -> str:
    """Return ``number`` with its noun, in the plural where that is due."""
    return f"{number} {noun if number == 1 else _PLURALS.get(noun, noun + 's')}"


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong with the input: where it stands, what it is, what to write instead."""

    file: str
    line: int
    what: str
    instead: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        text = where + self.what + (f"; {self.instead}" if self.instead else "")
        # a name of an inventory may hold a line end, and must not pass for a line of ours
        return text.replace("\n", "\\n")


class BanstitchError(Exception):
    """The root: whatever the toolkit raises on purpose."""


class InputError(BanstitchError, ValueError):
    """All problems of the input, found in one go."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class TargetError(BanstitchError):
    """What went wrong at one target, and what the operator can do about it."""

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(what + (f"\n{remedy}" if remedy else ""))


class Unreachable(TargetError):
    """There is no session with the target: nothing on it was changed by this attempt."""


class UnknownKey(Unreachable):
    """The target shows a host key that nobody has accepted yet."""


class Failed(TargetError):
    """The target answered, and refused or broke; the text says what state it is in now."""


class Conflict(Failed):
    """Something that is not ours stands where ours should; nothing was changed."""
