"""Check what is typed on a FortiGate against a closed table of forms, just before it is sent.

A read-only command changes nothing. A changing line is one logical line of CLI as
:func:`provision.fortios.config.text.serialize` spells it, or one of a few fixed commands.
"""

from __future__ import annotations

import re

from provision.fortios.config.text import COMMANDS, SETTINGS, ParseError, Word, split_words

# A name in double quotes as `show` spells it; it never spans lines.
_QUOTED = r'"(?:[^"\\]|\\.)*"'
# A path of a table or a single object: at most six lower-case words.
_PATH = r"[a-z][a-z0-9._-]*(?: [a-z][a-z0-9._-]*){0,5}"
_SCOPE = r"(?:global|[A-Za-z0-9_.-]{1,31})"

# Read-only commands, each with the forms of its arguments.
_LOOKING = (
    r"get system status",
    r"get system ha status",
    r"get system csf",
    r"get system global \| grep cfg-save",
    r"diagnose sys external-resource stats",
    # our own feed only: the command prints as much as the feed has
    r'diagnose sys external-address-resource list "(?:g-)?banstitch_[a-z0-9_]{1,22}"',
    rf"show {_PATH}(?: (?:\d{{1,79}}|{_QUOTED}))?",
)
_LOOK = re.compile(rf"(?:sudo {_SCOPE} )?(?:{'|'.join(_LOOKING)})")

# Commands outside `config`: transactions, and saving where a FortiGate does not save by itself.
_ORDER = re.compile(
    r"execute config-transaction (?:start \d{1,3}|commit|abort)|(?:sudo global )?execute cfg save"
)
# The only scripts that an automation may have: they fetch our own feed.
_REFRESH = "execute update-external-resource"
_SCRIPT = re.compile(
    rf'set script "(?:{_REFRESH} banstitch_feed|config global\n{_REFRESH} g-banstitch_feed\nend)"'
)
_VERBS = (*SETTINGS, *COMMANDS, "config", "edit", "next", "end", "abort")
_BARE_VERBS = ("next", "end", "abort")

# No command or line of ours is longer; a certificate has about 2,000 characters.
LOOK_LONGEST = 512
CHANGE_LONGEST = 65536


def check_look(command: str) -> None:
    """Check that ``command`` is one line with a read-only command.

    Raises:
        ValueError: it has none of the forms in the table.
    """
    if len(command) > LOOK_LONGEST or not command.isprintable() or not _LOOK.fullmatch(command):
        raise ValueError("it is not a read-only command")


def check_change(line: str) -> None:
    """Check that ``line`` is one logical line of CLI, or one of the fixed commands.

    Raises:
        ValueError: it is neither, or it holds a character that cannot be typed.
    """
    if len(line) > CHANGE_LONGEST:
        raise ValueError("it is too long for one line of CLI")
    if _ORDER.fullmatch(line):
        return
    words = _split_one_line(line)
    verb = words[0].raw
    if verb not in _VERBS:
        raise ValueError("it does not begin with a word that configures")
    if (verb in _BARE_VERBS) != (len(words) == 1) and verb != "purge":
        raise ValueError(f"'{verb}' has a wrong number of words")
    if verb == "config" and not re.fullmatch(_PATH, " ".join(word.raw for word in words[1:])):
        raise ValueError("the path behind 'config' is not one of a table")
    is_script = verb != "unset" and words[1:] and "script".startswith(words[1].value)
    if is_script and not _SCRIPT.fullmatch(line):
        raise ValueError("a script may only fetch the feed")
    if verb == "edit" and len(words) != 2:
        raise ValueError("'edit' must have one key")


def _split_one_line(line: str) -> tuple[Word, ...]:
    """Return the words of ``line``, which must have single blanks and no line end outside of quotes."""
    try:
        lines = split_words(line)
    except ParseError as error:
        raise ValueError(error.message) from None
    if len(lines) != 1 or " ".join(word.raw for word in lines[0]) != line:
        raise ValueError("it is not exactly one line of CLI")
    if any("\n" in word.raw and not _ends_only_in_quotes(word.raw) for word in lines[0]):
        raise ValueError("a line ends outside of quotes")
    return lines[0]


def _ends_only_in_quotes(raw: str) -> bool:
    """Return whether each newline of a word is in quotes; a backslash before one would join lines."""
    outside = re.sub(r'"(?:[^"\\]|\\[\s\S])*"|\'[^\']*\'', "", raw)
    return "\n" not in outside
