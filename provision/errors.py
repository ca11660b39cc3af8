"""Every error that an operator can see, each with one exit code and without a traceback.

BanstitchError
  InputError (ValueError)   the inventory or the command line is wrong; nothing was contacted: exit 3
  TargetError               one target could not be brought to its desired state
    Unreachable             no session with the target (network, host key, login): exit 4
    Failed                  the target answered, and something went wrong there: exit 1
      Passive               it is a secondary of a cluster, which its primary configures
      Conflict              an object that Banstitch did not create is in the way
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

_PLURALS = {
    "address": "addresses",
    "authority": "authorities",
    "directory": "directories",
    "guess": "guesses",
}
# Hosts that a problem names.
_MOST_NAMED = 3


def spell_count(number: int, noun: str) -> str:
    """Return ``number`` with its noun, in the plural if needed."""
    return f"{number} {noun if number == 1 else _PLURALS.get(noun, noun + 's')}"


@dataclass(frozen=True, order=True)
class Problem:
    """One problem of the input: its place, the hosts that have it, what is wrong, and the remedy."""

    file: str
    line: int
    message: str
    remedy: str = ""
    hosts: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        more = len(self.hosts) - _MOST_NAMED
        some = ", ".join(self.hosts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        whose = f"{some}: " if some else ""
        text = where + whose + self.message + (f"; {self.remedy}" if self.remedy else "")
        # a name in an inventory may contain a line break, and must not imitate a line of ours
        return text.replace("\n", "\\n")


class BanstitchError(Exception):
    """The base of every error that the toolkit raises on purpose."""


class InputError(BanstitchError, ValueError):
    """All problems of the input, collected in one pass. One that many hosts have is one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        hosts: dict[Problem, dict[str, None]] = {}
        for each in problems:
            hosts.setdefault(replace(each, hosts=()), {}).update(dict.fromkeys(each.hosts))
        self.problems = tuple(sorted(replace(each, hosts=tuple(hosts[each])) for each in hosts))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class TargetError(BanstitchError):
    """An error at one target, and what the operator can do about it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(message + (f"\n{remedy}" if remedy else ""))


class Unreachable(TargetError):
    """No session with the target could be opened, so nothing on it was changed."""


class UnknownKey(Unreachable):
    """The target presents a host key that has not been accepted yet."""


class Failed(TargetError):
    """The target answered and the work failed; the text gives the current state of the target."""


class Passive(Failed):
    """It is a secondary of a cluster: only its primary can be changed, polls and posts."""


class Conflict(Failed):
    """An object that Banstitch did not create is in the way; nothing was changed."""
