"""Recognize what a terminal of a FortiGate shows: prompt, echo, pager, question, answer. Pure text.

Sources: captures of FortiOS 7.4 (an echo ends in CR CR LF, an empty line precedes the prompt,
`--More-- ` is wiped with CR, nine blanks, CR), FortiOS CLI reference (Ctrl-V before `?`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from provision.fortios.config.text import LINE_END

HOST = r"[-\w.~]+"
# the last line of a terminal that waits for a command: HOST # , HOST (Primary) # , HOST(x) (y) $
_FIRST_PROMPT = re.compile(rf"(?:\A|\n)({HOST}(?: ?\([^()\n]*\))* [#$>]) ?\Z")
# a prompt of any other shape, as of a hostname with blanks: believed once an Enter brings it again
_ODD_PROMPT = re.compile(r"(?:\A|\n)(\S[^\n]{0,99} [#$>]) ?\n+\1 ?\Z")
# its parts: hostname, brackets, sign
_PARTS = re.compile(r"(.+?)((?: ?\([^()]*\))*) [#$>]")
_ROLES = frozenset({"primary", "secondary", "master", "slave"})
# a text that ends in the sign of a prompt, whatever precedes it
_SIGN = re.compile(r"[#$>] ?\Z")
# Characters at the end of a text in which a hidden prompt is looked for.
_TAIL = 4096
# characters of a hostname that a cut prompt (`long-na~ (x) #`) keeps at least
_KEPT = 4
# wiped with blanks; by some terminals with an escape sequence or backspaces, or not at all
_PAGER = re.compile(r"--More-- ?(?:\r *\r|(?:\r?\x1b\[[0-2]?K)+\r?|\x08[\x08 ]*\x08)")
_UNWIPED = re.compile(r"^--More--(?: *\n| )?", re.MULTILINE)
_PAGER_TAIL = re.compile(r"--More-- ?\Z")
# removed first: colors may be inside of what the other patterns look for
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_ESCAPE = re.compile(r"\x1b(?:\[[\d;?]*[@-~]|[()].|[=>78])")
# a line that goes on behind a lone CR: drawn anew, or wrapped at the edge of the terminal
_REDRAWN = re.compile(r"^[^\r\n]+(?:\r+[^\r\n]+)+", re.MULTILINE)
_QUESTION = re.compile(r"\(y/n\) ?\Z")
_ACCEPT = re.compile(r"\(Press 'a' to accept\):?\s*\Z")
_NEW_PASSWORD = re.compile(r"forced to change your password|^New Password: ?\Z", re.I | re.M)
_OPEN_QUOTE = re.compile(r"\n> ?\Z")
_UNTYPABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# Characters of a line whose echo is looked for, and of the answer in which it has to be found.
_ECHO, _ECHO_WITHIN = 60, 16384
# a value in quotes, also one that the text ends in
_QUOTED = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_VALUE = re.compile(r'"(?:[^"\\]++|\\.)*+(?:(")|\\?\Z)', re.DOTALL)
_SHOWN = re.compile(r"^config ", re.MULTILINE)


def clean(received: str) -> str:
    """Return terminal output as lines, without pagers, colors and the first drafts of redrawn lines."""
    plain = _ESCAPE.sub("", _PAGER.sub("", _COLOUR.sub("", received)))
    plain = _REDRAWN.sub(lambda line: _merge_redrawn(line[0]), plain)
    return _UNWIPED.sub("", LINE_END.sub("\n", plain).replace("\r", ""))


def _merge_redrawn(line: str) -> str:
    """Return what is visible of a line that was drawn in several pieces, each after a CR.

    A piece that begins like all before it replaces it. Any other piece continues after an edge, which
    line editors cross with a blank and CR.
    """
    first, *rest = re.split(r"\r+", line)
    # joined only where a piece may replace all before it: else many pieces have a quadratic cost
    shown, length = [first], len(first)
    for piece in rest:
        if len(piece) >= length and piece.startswith("".join(shown)):
            shown, length = [piece], len(piece)
            continue
        if shown[-1].endswith(" "):
            shown[-1], length = shown[-1][:-1], length - 1
        shown.append(piece)
        length += len(piece)
    return "".join(shown)


def add_blanks(text: str, prompt: str) -> str:
    """Return ``text`` with a blank after each ``prompt`` (a pattern), for a terminal that shows none."""
    return re.sub(rf"^({prompt})(?! )", r"\1 ", text, flags=re.MULTILINE)


# --- prompts -------------------------------------------------------------------------------------


def find_first_prompt(text: str) -> str:
    """Return the prompt that a login ends with, without its last blank; empty where there is none.

    A prompt of an unusual shape has to be there twice, which an Enter brings about.
    """
    found = _FIRST_PROMPT.search(text) or _ODD_PROMPT.search(text)
    return found[1] if found else ""


def _split_prompt(prompt: str) -> tuple[str, str]:
    """Return the hostname in a prompt, and what follows it in brackets."""
    parts = _PARTS.fullmatch(prompt)
    return (parts[1], parts[2]) if parts else (prompt, "")


def find_scope(prompt: str) -> str:
    """Return the name in brackets after the hostname, apart from a role in a cluster."""
    names = re.findall(r"\(([^()]*)\)", _split_prompt(prompt)[1])
    return next((name for name in names if name.lower() not in _ROLES), "")


def make_prompt_pattern(first: str) -> str:
    """Return a pattern of the prompt in any context of the FortiGate whose ``first`` prompt is known.

    A long hostname may be cut with `~`, at another place in each context.
    """
    host, _ = _split_prompt(first)
    cut = rf"|{re.escape(host[:_KEPT])}[-\w.]*~"
    return rf"(?:{re.escape(host)}{cut})(?: ?\([^\n]*\))? [#$>]"


def compile_last_prompt(first: str) -> re.Pattern[str]:
    """Return a pattern of the prompt in any context at the end of a text; its group 1 is the prompt."""
    return re.compile(rf"(?:\A|\n)({make_prompt_pattern(first)}) *\Z")


def hides_prompt(text: str, first: str, is_silent: bool) -> bool:
    """Return whether the FortiGate waits for a line though ``text`` does not end in a prompt.

    ``first``: the first prompt, empty before it was seen. ``is_silent``: nothing came for a while.
    An Enter is harmless there. At a question it would be an answer, and a busy FortiGate would take it
    for the answer to its next question; so without any prompt there is no Enter.
    """
    ends_in_sign = bool(_SIGN.search(text))
    if _asks_something(text) or not (is_silent or ends_in_sign):
        return False
    if not first:
        return bool(text)
    pattern = rf"{make_prompt_pattern(first)} "
    return ends_in_sign or bool(re.search(pattern, text[-_TAIL:]))


def _asks_something(text: str) -> bool:
    """Return whether ``text`` ends in a question, an open value or a pager, which an Enter answers."""
    asks = asks_yes_or_no(text) or wants_new_password(text) or is_quote_open(text)
    return asks or waits_for_page(text)


def ends_login(text: str) -> bool:
    """Return whether a login has come to a prompt, or to a question that has to be answered first."""
    return asks_to_accept(text) or ends_acceptance(text)


def ends_acceptance(text: str) -> bool:
    """Return whether a login whose disclaimer was accepted has come to a prompt or a question."""
    return wants_new_password(text) or bool(find_first_prompt(text))


def waits_for_page(text: str) -> bool:
    """Return whether ``text`` ends in a pager."""
    return bool(_PAGER_TAIL.search(_COLOUR.sub("", text)))


def asks_yes_or_no(text: str) -> bool:
    """Return whether ``text`` ends in a question with the answers y and n."""
    return bool(_QUESTION.search(text))


def asks_to_accept(text: str) -> bool:
    """Return whether ``text`` ends in a disclaimer that has to be accepted."""
    return bool(_ACCEPT.search(text))


def wants_new_password(text: str) -> bool:
    """Return whether the FortiGate asks for a new password before anything else."""
    return bool(_NEW_PASSWORD.search(text))


def is_quote_open(text: str) -> bool:
    """Return whether ``text`` ends in the prompt that continues a value in quotes."""
    return bool(_OPEN_QUOTE.search(text))


def is_idle_timeout(text: str) -> bool:
    """Return whether the FortiGate ends the session because it was idle for too long."""
    return text.rstrip().endswith("Timeout")


# --- keys and answers ----------------------------------------------------------------------------


def make_keys(line: str) -> str:
    """Return the keys that type ``line``: `?` and Tab act at once unless Ctrl-V precedes them.

    Raises:
        ValueError: ``line`` holds a control character that no key can put into a value.
    """
    bad = _UNTYPABLE.search(line)
    if bad:
        raise ValueError(f"control character {bad[0]!r} cannot be typed")
    return re.sub(r"[?\t]", "\x16\\g<0>", line)


def is_echoed(line: str, text: str) -> bool:
    """Return whether ``text`` holds the echo of ``line``, or of its beginning, however it is wrapped."""
    typed = "".join(line.replace("\x16", "")[: 2 * _ECHO].split())[:_ECHO]
    return typed in "".join(text[:_ECHO_WITHIN].split())


def is_inside_value(text: str) -> bool:
    """Return whether ``text``, the output of a `show` so far, ends inside of a value in quotes."""
    start = _SHOWN.search(text)
    values = _VALUE.finditer(text, start.end()) if start else ()
    return any(value[1] is None for value in values)


def extract_configuration(answer: str) -> str:
    """Return the configuration in an answer, without messages of the FortiGate before and after it."""
    start = _SHOWN.search(answer)
    if not start:
        return answer
    ends = [end.end() for end in re.finditer(r"^end *$", answer, re.MULTILINE)]
    last = ends[-1] if ends and ends[-1] > start.start() else len(answer)
    return answer[start.start() : last]


def split_answers(text: str, prompt: str, commands: Sequence[str]) -> tuple[str | None, ...]:
    """Return the answer to each of ``commands`` in ``text``, None for one that is not there (yet).

    ``prompt`` is a pattern. An answer counts if its whole command was echoed after a prompt and
    another prompt follows, unless a later command is in it, as where a terminal echoes ahead of its
    work. A prompt inside of a value in quotes is text.
    """
    answers: list[str | None] = []
    at = 0
    for number, command in enumerate(commands):
        echo = re.compile(rf"^{prompt} +{re.escape(command)} *\n", re.MULTILINE).search(text, at)
        end = _find_end(text, echo.end(), prompt) if echo else None
        answer = _strip_prompt(text[echo.end() : end], prompt) if echo and end is not None else None
        lines = {line.strip() for line in answer.split("\n")} if answer else set()
        answers.append(None if lines & set(commands[number + 1 :]) else answer)
        at = at if end is None else end
    return tuple(answers)


def _find_end(text: str, at: int, prompt: str) -> int | None:
    """Return the position of the next prompt that is not part of a value."""
    first = re.compile(rf"^(?:{prompt} |config )", re.MULTILINE).search(text, at)
    if first and first[0].startswith("config "):
        pieces = re.compile(rf"{_QUOTED}|^{prompt} ", re.MULTILINE | re.DOTALL)
        found = pieces.finditer(text, first.end())
        first = next((piece for piece in found if not piece[0].startswith('"')), None)
    return first.start() if first else None


def _strip_prompt(answer: str, prompt: str) -> str:
    """Return ``answer`` without a prompt that a message hides in its last line."""
    stripped = answer.rstrip("\n")
    head, _, last = stripped.rpartition("\n")
    return head.rstrip("\n") if re.search(rf"{prompt} ?\Z", last[-_TAIL:]) else stripped
