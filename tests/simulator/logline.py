"""Read the fields of a FortiOS log line: key=value pairs, values bare or in double quotes."""

import re

_PAIR = re.compile(r'([A-Za-z0-9_.\-]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)')


def fields(line: str) -> dict[str, str]:
    """Return the fields of a log line; the first one of a name wins."""
    found: dict[str, str] = {}
    for name, value in _PAIR.findall(line):
        bare = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        found.setdefault(name, bare)
    return found


def parse_message_id(logid: str) -> int:
    """Return the message part of a log id: 0101039426 and 39426 both give 39426."""
    digits = logid[4:] if len(logid) == 10 else logid
    return int(digits) if digits.isascii() and digits.isdigit() else 0
