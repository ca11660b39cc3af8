"""What a FortiGate's terminal says, told apart: prompt, echo, pager, refusal, answer. Pure text.

Sources: captures of 7.4 units (an echo ends in CR CR LF, an empty line stands before the prompt,
`--More-- ` is wiped with CR, nine blanks, CR), FortiOS CLI reference (Ctrl-V before `?`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from provision.fortios.session.answer import end_of_answer, said_in

HOST = r"[-\w.~]+"
# the last line of a terminal that waits for a command: HOST # , HOST (Primary) # , HOST(x) (y) $
_FIRST_PROMPT = re.compile(rf"(?:\A|\n)({HOST}(?: ?\([^()\n]*\))* [#$>]) ?\Z")
# a prompt of any other shape, as of a hostname with blanks: believed once an Enter brings it again
_ODD_PROMPT = re.compile(r"(?:\A|\n)(\S[^\n]{0,99} [#$>]) ?\n+\1 ?\Z")
# its parts: hostname, what stands in brackets, sign
_PARTS = re.compile(r"(.+?)((?: ?\([^()]*\))*) [#$>]")
_ROLES = frozenset({"primary", "secondary", "master", "slave"})
# what ends in a prompt's sign, whatever stands before it
_SIGN = re.compile(r"[#$>] ?\Z")
# Characters at the end of a text in which a hidden prompt is looked for.
_TAIL = 4096
# characters of a hostname that a cut prompt (`long-na~ (x) #`) keeps at least
_KEPT = 4
# Characters of a refusal that are kept, its end: a real one has a few lines.
REFUSAL = 2000
# wiped with blanks; by some terminals with an escape sequence or backspaces, or not at all
_PAGER = re.compile(r"--More-- ?(?:\r *\r|(?:\r?\x1b\[[0-2]?K)+\r?|\x08[\x08 ]*\x08)")
_UNWIPED = re.compile(r"^--More--(?: *\n| )?", re.MULTILINE)
_PAGER_TAIL = re.compile(r"--More-- ?\Z")
# colours go first: they may stand inside of what the other patterns look for
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_ESCAPE = re.compile(r"\x1b(?:\[[\d;?]*[@-~]|[()].|[=>78])")
# a line that goes on behind a lone CR: drawn anew, or wrapped at the edge of the terminal
_REDRAWN = re.compile(r"^[^\r\n]+(?:\r+[^\r\n]+)+", re.MULTILINE)
_QUESTION = re.compile(r"\(y/n\) ?\Z")
_LOCKED = re.compile(r"(?:in|by) (?:another|other) transaction|is locked", re.IGNORECASE)
_EXPIRED = re.compile(r"^config transaction id=\d+ has expired", re.MULTILINE)
# what a unit says that, inside of a transaction, knows only what is committed
_UNSEEN = re.compile(
    r"not found in datasource|node_check_object fail|return code -3\b", re.IGNORECASE
)
_STILL_USED = re.compile(r"entry is used by other|return code -23\b", re.IGNORECASE)
_OUTSIDE = re.compile(
    r"\b(?:in|inside|within|during) (?:an? |the |this |config )*transaction", re.I
)
_NO_RIGHT = r"\bpermission\b|\bnot (?:permitted|allowed|authori[sz]ed)\b|\baccess denied\b"
_FORBIDDEN = re.compile(rf"return code -(?:37|672)\b|{_NO_RIGHT}", re.IGNORECASE)
_ACCEPT = re.compile(r"\(Press 'a' to accept\):?\s*\Z")
_NEW_PASSWORD = re.compile(r"forced to change your password|^New Password: ?\Z", re.I | re.M)
_OPEN_QUOTE = re.compile(r"\n> ?\Z")
_UNTYPABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

_REFUSAL = re.compile(
    r"^(?:unknown (?:action|command)|command parse error|value parse error|command fail|incomplete command"
    r"|node_check_object fail|(?:object|attribute) (?:set|check) operator error|object check"
    r"|entry not found in datasource|entry is not found in table|token line:|ambiguous command"
    r"|internal error|.*(?:" + _NO_RIGHT + r")|string value is too long"
    r"|attribute '.*' must be set|attribute '.*' checking fail|the entry is used by|duplicated entry"
    r"|invalid |name '.*' conflict|no tablename|no object|unset oper error"
    r"|.*(?:unknown action \d|(?:command|value) parse error before|command fail\. return code)"
    r"|.*discard the setting|config transaction id=\d+ has expired|.*\(y/n\))",
    re.IGNORECASE | re.MULTILINE,
)
_NO_ENTRY = re.compile(
    r"^(?:entry (?:is )?not found|command fail\. return code -3\b)", re.IGNORECASE | re.MULTILINE
)
_NO_TABLE = re.compile(
    r"^(?:command fail\. return code -61\b|command parse error before|unknown (?:action|command))",
    re.IGNORECASE | re.MULTILINE,
)


def clean(received: str) -> str:
    """Terminal text as lines: what pager, colours and a line that is drawn anew leave is gone."""
    plain = _ESCAPE.sub("", _PAGER.sub("", _COLOUR.sub("", received)))
    plain = _REDRAWN.sub(lambda found: _as_seen(found[0]), plain)
    return _UNWIPED.sub("", re.sub(r"\r+\n", "\n", plain).replace("\r", ""))


def _as_seen(line: str) -> str:
    """What stands there after a line was drawn in several pieces, each behind a CR.

    A piece that begins like all before it replaces it; another goes on behind an edge, over which
    line editors get with a blank and CR.
    """
    first, *rest = re.split(r"\r+", line)
    # joined only where a piece may replace all before it, else many pieces would cost their square
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


def spaced(text: str, prompt: str) -> str:
    """``text`` with a blank behind each ``prompt`` (a pattern), for a terminal that shows none."""
    return re.sub(rf"^({prompt})(?! )", r"\1 ", text, flags=re.MULTILINE)


def first_prompt(text: str) -> str:
    """Return the prompt a login ends with, without its last blank; nothing where there is none.

    A prompt of an unusual shape has to stand there twice, which an Enter shows.
    """
    found = _FIRST_PROMPT.search(text) or _ODD_PROMPT.search(text)
    return found[1] if found else ""


def _parts(prompt: str) -> tuple[str, str]:
    """Return the hostname in a prompt, and what it has in brackets."""
    found = _PARTS.fullmatch(prompt)
    return (found[1], found[2]) if found else (prompt, "")


def scope_in(prompt: str) -> str:
    """Return what a prompt has in brackets behind the hostname, a role in a cluster aside."""
    names = re.findall(r"\(([^()]*)\)", _parts(prompt)[1])
    return next((each for each in names if each.lower() not in _ROLES), "")


def any_prompt(first: str) -> str:
    """Pattern of the prompt, in whatever context, of the FortiGate whose first one is known.

    A long hostname may be cut with `~`, at another place in each context.
    """
    host, _ = _parts(first)
    cut = rf"|{re.escape(host[:_KEPT])}[-\w.]*~"
    return rf"(?:{re.escape(host)}{cut})(?: ?\([^\n]*\))? [#$>]"


def hides_prompt(text: str, first: str, is_silent: bool) -> bool:
    """Return whether the FortiGate waits for a line though no prompt stands at the end.

    ``first``: the first prompt, empty before it was seen. ``is_silent``: nothing came for a while.
    An Enter is harmless there. It would answer a question, and a busy FortiGate would read it as the
    answer to a question that is still to come; so without any prompt there is none.
    """
    ends_in_sign = bool(_SIGN.search(text))
    if _asks_something(text) or not (is_silent or ends_in_sign):
        return False
    if not first:
        return bool(text)
    return ends_in_sign or bool(re.search(rf"{any_prompt(first)} ", text[-_TAIL:]))


def _asks_something(text: str) -> bool:
    """Return whether ``text`` ends in a question, an open value or a pager, which an Enter answers."""
    asks = asks_yes_or_no(text) or wants_new_password(text) or in_quotes(text)
    return asks or waits_for_page(text)


def ends_login(text: str) -> bool:
    """Return whether a login has come to a prompt, or to a question that has to be answered first."""
    return asks_to_accept(text) or ends_acceptance(text)


def ends_acceptance(text: str) -> bool:
    """Return whether a login whose disclaimer was accepted has come to a prompt or a question."""
    return wants_new_password(text) or bool(first_prompt(text))


def prompt_pattern(first: str) -> re.Pattern[str]:
    """The prompt at the end of a text, in whatever context, of the unit whose first one is known."""
    return re.compile(rf"(?:\A|\n)({any_prompt(first)}) *\Z")


def waits_for_page(text: str) -> bool:
    return bool(_PAGER_TAIL.search(_COLOUR.sub("", text)))


def asks_yes_or_no(text: str) -> bool:
    return bool(_QUESTION.search(text))


def asks_to_accept(text: str) -> bool:
    return bool(_ACCEPT.search(text))


def wants_new_password(text: str) -> bool:
    return bool(_NEW_PASSWORD.search(text))


def timed_out(text: str) -> bool:
    """Whether the unit says good-bye to an administrator who was idle for too long."""
    return text.rstrip().endswith("Timeout")


def in_quotes(text: str) -> bool:
    return bool(_OPEN_QUOTE.search(text))


def refusal(answer: str) -> str:
    """The unit's own words if ``answer`` (without its echo) is a refusal, else nothing."""
    if not _REFUSAL.search(answer):
        return ""
    said = " / ".join(line.strip() for line in answer[-REFUSAL:].splitlines() if line.strip())
    return said if len(answer) <= REFUSAL else f"... {said}"


def without_pieces(said: str, line: str) -> str:
    """``said`` without the pieces of values in ``line`` that a unit quotes: a mask knows only wholes."""
    values = re.findall(r'"((?:[^"\\]|\\.)*)"', line)

    def shown(quoted: re.Match[str]) -> str:
        cut = any(quoted[1] in value and quoted[1] != value for value in values)
        return "'...'" if cut else quoted[0]

    return re.sub(r"'([^'\n]{4,})(?:'|$)", shown, said, flags=re.MULTILINE)


def knows_no_sudo(answer: str) -> bool:
    """Whether a `sudo SCOPE COMMAND` failed by its first word."""
    first = answer.strip().partition("\n")[0]
    return not first or bool(re.search(r"(?i)^unknown|\b(?:sudo|global)\b", first))


def tells_of_a_lock(answer: str) -> bool:
    """Whether the object is being edited in a transaction of somebody else (KB 199281)."""
    return bool(_LOCKED.search(answer))


def tells_of_expiry(answer: str) -> bool:
    """Whether the unit has dropped our transaction; what came after it took effect at once."""
    return bool(_EXPIRED.search(answer))


def is_of_the_transaction(answer: str, made: Iterable[str]) -> bool:
    """Whether a line may be refused only inside of a transaction, which makes the objects ``made``.

    Whether references see what is not committed yet is not documented; some tables cannot be changed
    in a transaction at all (KB 226126).
    """
    if tells_of_a_lock(answer) or tells_of_expiry(answer):
        return False
    unseen = _UNSEEN.search(answer) and any(f"'{name}'" in answer for name in made)
    return bool(unseen or _STILL_USED.search(answer) or _OUTSIDE.search(answer))


def is_forbidden(answer: str) -> bool:
    """Whether it is the profile of the administrator that does not allow it (codes -37, -672)."""
    return bool(_FORBIDDEN.search(answer))


def has_no_entry(answer: str) -> bool:
    """Whether `show` says that the entry does not exist; a value may hold the same words."""
    return not answer.startswith("config ") and bool(_NO_ENTRY.search(answer))


def has_no_table(answer: str) -> bool:
    """Whether `show` says that this model and version has no such table (code -61, or none)."""
    return not answer.startswith("config ") and bool(_NO_TABLE.search(answer))


def keys(line: str) -> str:
    """The keys that type ``line``: `?` and Tab act at once unless Ctrl-V stands before them.

    Raises:
        ValueError: a control character that no key can put into a value.
    """
    bad = _UNTYPABLE.search(line)
    if bad:
        raise ValueError(f"control character {bad[0]!r} cannot be typed")
    return re.sub(r"[?\t]", "\x16\\g<0>", line)


def answers(text: str, prompt: str, commands: Sequence[str]) -> tuple[str | None, ...]:
    """Return what ``text`` holds as the answer to each of ``commands``, None where there is none (yet).

    ``prompt`` is a pattern. An answer counts when its command was echoed whole behind a prompt and
    another prompt came after; and if no later command is in it, as where a terminal echoes ahead of
    what it does. A prompt inside of a value in quotes is text.
    """
    found: list[str | None] = []
    at = 0
    for number, command in enumerate(commands):
        echo = re.compile(rf"^{prompt} +{re.escape(command)} *\n", re.MULTILINE).search(text, at)
        end = end_of_answer(text, echo.end(), prompt) if echo else None
        said = said_in(text[echo.end() : end], prompt) if echo and end is not None else None
        mixed = said and {each.strip() for each in said.split("\n")} & set(commands[number + 1 :])
        found.append(None if mixed else said)
        at = at if end is None else end
    return tuple(found)
