"""Find where an answer of a FortiGate begins and ends: behind an echo, outside quotes. Pure text."""

from __future__ import annotations

import re

# Characters of a line whose echo is looked for, and of an answer in which it has to stand.
_ECHO, _ECHO_WITHIN = 60, 16384
# a value in quotes, also one that the text ends in
_QUOTED = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_VALUE = re.compile(r'"(?:[^"\\]++|\\.)*+(?:(")|\\?\Z)', re.DOTALL)
_SHOWN = re.compile(r"^config ", re.MULTILINE)


def is_echoed(line: str, text: str) -> bool:
    """Return whether ``text`` holds the echo of ``line``, or of its beginning, however it is wrapped."""
    typed = "".join(line.replace("\x16", "")[: 2 * _ECHO].split())[:_ECHO]
    return typed in "".join(text[:_ECHO_WITHIN].split())


def is_inside_value(text: str) -> bool:
    """Return whether configuration that is being shown ends, so far, inside of a value in quotes."""
    first = _SHOWN.search(text)
    return first is not None and any(each[1] is None for each in _VALUE.finditer(text, first.end()))


def configuration_in(answer: str) -> str:
    """Return the configuration in an answer, without messages of the FortiGate before and behind it."""
    first = _SHOWN.search(answer)
    if not first:
        return answer
    ends = [each.end() for each in re.finditer(r"^end *$", answer, re.MULTILINE)]
    last = ends[-1] if ends and ends[-1] > first.start() else len(answer)
    return answer[first.start() : last]


def end_of_answer(text: str, at: int, prompt: str) -> int | None:
    """Return where the next prompt stands that is not part of a value."""
    first = re.compile(rf"^(?:{prompt} |config )", re.MULTILINE).search(text, at)
    if first and first[0].startswith("config "):
        pieces = re.compile(rf"{_QUOTED}|^{prompt} ", re.MULTILINE | re.DOTALL)
        found = pieces.finditer(text, first.end())
        first = next((each for each in found if not each[0].startswith('"')), None)
    return first.start() if first else None


def said_in(text: str, prompt: str) -> str:
    """Return an answer without a prompt that is hidden behind a message in its last line."""
    said = text.rstrip("\n")
    head, _, last = said.rpartition("\n")
    return head.rstrip("\n") if re.search(rf"{prompt} ?\Z", last) else said
