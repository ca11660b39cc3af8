"""Read OpenSSH's configuration files as its client does (ssh_config(5)).

Only what decides where a connection goes and with which user and keys is kept. As in OpenSSH, the first
value of an option counts, and files named by IdentityFile add up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provision.errors import InputError, Problem
from provision.ssh.known_hosts import matches_patterns
from provision.ssh.login import find_own_name

# The options that are read, as OpenSSH spells them.
READ = (
    "HostName",
    "HostKeyAlias",
    "IdentitiesOnly",
    "IdentityFile",
    "Port",
    "ProxyCommand",
    "ProxyJump",
    "User",
    "UserKnownHostsFile",
)
_KEYWORDS = {name.lower() for name in READ}
SYSTEM = Path("/etc/ssh/ssh_config")
# As in OpenSSH: files that include each other would never end.
MOST_INCLUDES = 16
# Bytes of a file that are read.
LONGEST = 1 << 22
_LINE = re.compile(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+|$)(.*)")
_WORD = re.compile(r'\s*(?:"([^"]*)"|([^\s"]+))')
# Criteria of Match that can be judged before a connection is made.
_MATCHED = {"all", "host", "localuser", "originalhost", "user"}


@dataclass(frozen=True)
class Setting:
    """The value of an option, and the variable or the file that gives it."""

    value: str
    file: str
    line: int = 0
    name: str = ""

    def build_problem(self, message: str, remedy: str = "") -> Problem:
        """Return a problem at this place."""
        return Problem(
            self.file, self.line, f"{self.name}: {message}" if self.name else message, remedy
        )


def split_option(text: str) -> tuple[str, str]:
    """Return keyword and value of an option, as ``-o`` and a line of a file have it, or two empty texts."""
    found = _LINE.fullmatch(text.strip())
    return (found[1].lower(), found[2].strip()) if found else ("", "")


def split_words(value: str) -> list[str]:
    """Return the words of a value; a comment may follow them.

    Raises:
        ValueError: a quote is not closed.
    """
    words, end = [], 0
    while value[end:].strip():
        found = _WORD.match(value, end)
        if found is None:
            raise ValueError("a quote is not closed")
        if found[2] and found[2].startswith("#"):
            break
        words.append(found[2] or found[1] or "")
        end = found.end()
    return words


@dataclass
class Options:
    """The options of one connection; whoever offers a value first decides."""

    settings: dict[str, Setting] = field(default_factory=dict)
    identity_files: list[Setting] = field(default_factory=list)

    def offer(self, keyword: str, setting: Setting) -> None:
        """Take ``setting`` unless there is one; ProxyJump and ProxyCommand exclude each other."""
        if keyword == "identityfile":
            if setting.value not in [each.value for each in self.identity_files]:
                self.identity_files.append(setting)
        elif keyword in ("proxyjump", "proxycommand"):
            if not {"proxyjump", "proxycommand"} & self.settings.keys():
                self.settings[keyword] = setting
        else:
            self.settings.setdefault(keyword, setting)

    def get(self, keyword: str, default: str = "") -> str:
        """Return the value of an option."""
        found = self.settings.get(keyword)
        return found.value if found else default


def expand(value: str, tokens: Mapping[str, str]) -> str:
    """Return ``value`` with OpenSSH's tokens (``%h``, ...) replaced.

    Raises:
        ValueError: a token is unknown.
    """

    def replace(found: re.Match[str]) -> str:
        letter = found[1]
        if letter == "%":
            return "%"
        if letter not in tokens:
            raise ValueError(f"%{letter} is not available here" if letter else "a lone % ends it")
        return tokens[letter]

    return re.sub(r"%(.?)", replace, value)


# --- Files -----------------------------------------------------------------------------------------------

# One criterion: its name, whether it is negated, its patterns.
Criterion = tuple[str, bool, tuple[str, ...]]


@dataclass(frozen=True)
class Line:
    """One option of a file, and the criteria of the blocks around it."""

    keyword: str
    setting: Setting
    criteria: tuple[Criterion, ...]


class Config:
    """The lines of one configuration file and of those that it includes; ``warnings`` about them."""

    def __init__(self, file: Path, required: bool = False) -> None:
        self.lines: list[Line] = []
        self.warnings: list[Problem] = []
        # relative names start there, as in OpenSSH
        self._folder = SYSTEM.parent if file == SYSTEM else Path("~/.ssh").expanduser()
        self._read(file, (), 0, required)

    def _read(
        self, file: Path, outer: tuple[Criterion, ...], depth: int, required: bool = False
    ) -> None:
        criteria = outer
        for number, line in enumerate(self._read_text(file, required).split("\n"), 1):
            keyword, value = split_option(line)
            try:
                if keyword == "host":
                    criteria = (*outer, ("Host", False, tuple(split_words(value))))
                elif keyword == "match":
                    criteria = (*outer, ("never", False, ()))  # for a block that cannot be judged
                    criteria = (*outer, *_read_match(split_words(value)))
                elif keyword == "include":
                    for included in self._find_included(split_words(value), depth):
                        self._read(included, criteria, depth + 1)
                elif keyword in _KEYWORDS:
                    setting = Setting(_read_value(keyword, value), str(file), number)
                    self.lines.append(Line(keyword, setting, criteria))
            except ValueError as error:
                skipped = "the block is" if keyword == "match" else "line"
                self.warnings.append(Problem(str(file), number, f"{error}; {skipped} skipped"))

    def _read_text(self, file: Path, required: bool) -> str:
        try:
            if file.exists() and not file.is_file():
                raise OSError(0, "it is not a regular file")
            with file.open("rb") as opened:
                return opened.read(LONGEST).decode("utf-8", "surrogateescape")
        except OSError as error:
            problem = Problem(str(file), 0, f"not read: {error.strerror}")
            if required:
                raise InputError([problem]) from None
            if not isinstance(error, FileNotFoundError | NotADirectoryError):
                self.warnings.append(problem)
            return ""

    def _find_included(self, patterns: Sequence[str], depth: int) -> Iterator[Path]:
        if depth >= MOST_INCLUDES:
            raise ValueError("too many files include each other")
        for pattern in patterns:
            # for OpenSSH, two stars are not a search of all folders below
            path = Path(_expand_variables(pattern).replace("**", "*")).expanduser()
            whole = path if path.is_absolute() else self._folder / path
            yield from sorted(Path(whole.anchor).glob(str(whole.relative_to(whole.anchor))))

    def look_up(self, host: str, options: Options) -> None:
        """Offer ``options`` what the files say about ``host``, the name that an operator would type."""
        for line in self.lines:
            if line.keyword in options.settings and line.keyword != "identityfile":
                continue
            if all(_is_met(criterion, host, options) for criterion in line.criteria):
                options.offer(line.keyword, line.setting)


def _read_value(keyword: str, value: str) -> str:
    """Return the value of an option, without its quotes; a command is taken as it stands."""
    if keyword == "proxycommand":
        return value
    words = split_words(value)
    if not words:
        raise ValueError("the option has no value")
    return " ".join(words) if keyword in ("userknownhostsfile", "proxyjump") else words[0]


def _read_match(words: Sequence[str]) -> Iterator[Criterion]:
    rest = list(words)
    while rest:
        name, _, value = rest.pop(0).partition("=")
        negated = name.startswith("!")
        name = name.removeprefix("!").lower()
        if name not in _MATCHED:
            raise ValueError(f"Match {name[:20]} is not supported")
        if name != "all" and not value:
            if not rest:
                raise ValueError(f"Match {name} has no value")
            value = rest.pop(0)
        yield name, negated, tuple(value.split(","))


def _is_met(criterion: Criterion, host: str, options: Options) -> bool:
    name, negated, patterns = criterion
    if name in ("all", "never"):
        return (name == "all") is not negated
    asked = _find_asked(name, host, options)
    if name.endswith("host") and name != "Host":  # as in OpenSSH, only these ignore case
        asked, patterns = asked.lower(), tuple(pattern.lower() for pattern in patterns)
    return matches_patterns(patterns, asked) is not negated


def _find_asked(name: str, host: str, options: Options) -> str:
    """Return what a criterion compares its patterns with."""
    if name == "host":
        return options.get("hostname", host).replace("%h", host)
    if name == "user":
        return options.get("user", find_own_name())
    return find_own_name() if name == "localuser" else host


def _expand_variables(text: str) -> str:
    """Return ``text`` with ``${NAME}`` replaced by the environment's values."""

    def replace(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise ValueError(f"the environment variable {found[1]} is not set")
        return os.environ[found[1]]

    return re.sub(r"\$\{(\w+)\}", replace, text)


def find_file(text: str, tokens: Mapping[str, str]) -> str:
    """Return the path that an option names, with ``~``, tokens and environment variables replaced.

    Raises:
        ValueError: one of them has no value.
    """
    try:
        return str(Path(expand(_expand_variables(text), tokens)).expanduser())
    except RuntimeError:
        raise ValueError("it names a user who does not exist") from None


class Configs:
    """The configuration files of a run, each read once."""

    def __init__(self) -> None:
        self._read: dict[Path, Config] = {}

    def find(self, instead: str = "") -> tuple[Config, ...]:
        """Return the operator's own file and the system's, or the one that ``-F`` names ``instead``.

        Raises:
            InputError: the file that is named cannot be read.
        """
        if instead == "none":
            return ()
        own = Path("~/.ssh/config").expanduser()
        files = [Path(instead).expanduser()] if instead else [own, SYSTEM]
        for file in files:
            if file not in self._read:
                self._read[file] = Config(file, required=bool(instead))
        return tuple(self._read[file] for file in files)
