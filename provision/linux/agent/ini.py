"""Read fail2ban's own configuration as far as its values are plain.

Python's configparser does more than a look needs, and costs as much as the rest of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from provision.linux.agent.host import HostError, read

# The values of fail2ban's files by section and name.
Options = dict[tuple[str, str], str]
_LINE = re.compile(r"\[(?P<section>[^]]*)\]|(?P<name>[^\s#;:=\[][^:=]*?)\s*[:=]\s*(?P<value>.*)")


def read_options(paths: Iterable[str]) -> Options:
    """Return all options of these files; those of a later file replace those of an earlier one.

    A value of several lines keeps its line ends, and ``%(name)s`` in it is left as it is. What cannot be
    read counts as empty.
    """
    found: Options = {}
    for path in paths:
        try:
            text = (read(path) or b"").decode("utf-8", "replace")
        except (OSError, HostError):
            continue
        _add_options(text, found)
    return found


def _add_options(text: str, found: Options) -> None:
    section, last = "", None
    for line in text.splitlines():
        match = _LINE.match(line)
        if match and match["section"] is not None:
            section, last = match["section"], None
        elif match:
            last = (section, match["name"].lower())
            found[last] = _strip_comment(match["value"])
        elif line[:1].isspace() and line.strip() and line.strip()[0] not in "#;" and last:
            found[last] += "\n" + line.strip()


def _strip_comment(value: str) -> str:
    return "" if value.startswith(";") else value.partition(" ;")[0].strip()
