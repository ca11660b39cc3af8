"""Read the arguments of `ssh` that an inventory gives in `ansible_ssh_common_args` and its like."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from provision.ssh.routing.ssh_config import READ, split_option, split_words

# What the letters of the client mean; those with a value, those without one that change nothing here.
_OPTIONS = {"J": "proxyjump", "p": "port", "l": "user", "i": "identityfile"}
_WITH_VALUE = "bceilmopBDEFIJLOPQRSwW"
_HARMLESS = frozenset("AaCGKkMNnqTtvXxYy")
_HARMLESS_OPTIONS = frozenset(
    [
        "batchmode",
        "checkhostip",
        "compression",
        "controlmaster",
        "controlpath",
        "controlpersist",
        "escapechar",
        "exitonforwardfailure",
        "forwardagent",
        "forwardx11",
        "forwardx11trusted",
        "gssapidelegatecredentials",
        "hashknownhosts",
        "loglevel",
        "requesttty",
        "sendenv",
        "serveralivecountmax",
        "serveraliveinterval",
        "setenv",
        "tcpkeepalive",
        "updatehostkeys",
        "visualhostkey",
    ]
)
_READ = {name.lower() for name in READ}
READ_TEXT = f"-J, -p, -l, -i, -F and -o with {', '.join(READ)}"


@dataclass(frozen=True)
class Arguments:
    """Options in the order of the arguments; ``file``: the value of -F; ``unread``: what has no effect."""

    options: tuple[tuple[str, str], ...] = ()
    file: str = ""
    unread: tuple[str, ...] = ()


def parse_arguments(text: str) -> Arguments:
    """Return what ``text`` asks for.

    Raises:
        ValueError: the client would refuse it, too; the reason quotes no value.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        raise ValueError("a quote is not closed") from None
    options: list[tuple[str, str]] = []
    unread: list[str] = []
    file = ""
    for letter, value in _yield_letters(words):
        if letter == "F":
            file = file or value
        elif letter in _OPTIONS:
            options.append((_OPTIONS[letter], value))
        elif letter == "o":
            _take_option(value, options, unread)
        elif letter not in _HARMLESS:
            unread.append(f"-{letter}" if letter else "a word that is no option")
    return Arguments(tuple(options), file, tuple(dict.fromkeys(unread)))


def _yield_letters(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each option with its value; no letter for a word that is no option."""
    rest = iter(words)
    for word in rest:
        if not re.fullmatch(r"-[A-Za-z0-9].*", word, re.DOTALL):
            yield "", ""
            continue
        for at, letter in enumerate(word[1:], 2):
            if letter not in _WITH_VALUE:
                yield letter if letter.isascii() and letter.isalnum() else "", ""
                continue
            value = word[at:] or next(rest, "")
            if not value:
                raise ValueError(f"-{letter} needs a value")
            yield letter, value
            break


def _take_option(text: str, options: list[tuple[str, str]], unread: list[str]) -> None:
    keyword, value = split_option(text)
    if not keyword or not value:
        raise ValueError("-o needs KEYWORD=VALUE")
    if keyword not in _READ:
        if keyword not in _HARMLESS_OPTIONS:
            unread.append(f"-o {text.split('=')[0].split()[0]}")
        return
    if keyword not in ("proxycommand", "proxyjump", "userknownhostsfile"):
        value = next(iter(split_words(value)), "")
    options.append((keyword, value))
