"""What a FortiGate would refuse or mangle in a value, found before it is sent: data with its sources."""

from __future__ import annotations

import re
from collections.abc import Iterator

from provision.errors import Problem
from provision.fortios.config.text import Config, Edit, Statement, Tree, Word

# Bytes that an attribute holds; "" is the key of the table. Attribute schema of Fortinet's Ansible
# collection; of http-body the size that all builds of a version share.
SIZES: dict[str, dict[str, int]] = {
    "system automation-trigger": {"": 35, "description": 255},
    "system automation-action": {
        "": 64,
        "description": 255,
        "uri": 1023,
        "http-body": 1023,
        "headers": 255,
    },
    "system automation-action/http-headers": {"key": 1023, "value": 4095},
    "system automation-stitch": {"": 35, "description": 255},
    "system external-resource": {
        "": 35,
        "username": 64,
        "password": 128,
        "comments": 255,
        "resource": 511,
        "user-agent": 255,
    },
    "vpn certificate ca": {"": 79},
    "certificate ca": {"": 79},
    "firewall policy": {"name": 35, "comments": 1023},
    "firewall local-in-policy": {"comments": 1023},
    "firewall local-in-policy6": {"comments": 1023},
}
# Refused in names (FortiOS CLI reference, "reserved characters").
_RESERVED = re.compile(r"""[<>()#'"]""")
# Replaced by the CLI wherever they stand (Fortinet CLI references, "variables").
_EXPANDED = re.compile(r"\$(?:USERFROM|USERNAME|SerialNum)")
# A terminal of 4,096 characters must hold a line whole, with what is typed before `?`.
LONGEST_LINE = 2000


def problems(
    name: str, path: str, body: Tree, key: Word | None = None, line: int = 0
) -> Iterator[Problem]:
    """Every value in the ``body`` of an object that a unit would not take as it is.

    No value is told: it may be a secret.
    """
    if key is not None:
        yield from _of_key(name, path, key, line)
    for node in body:
        if isinstance(node, Statement):
            yield from _of_statement(name, path, node)
        elif isinstance(node, Config):
            for entry in node.body:
                if isinstance(entry, Edit):
                    yield from problems(
                        name, f"{path}/{node.path}", entry.body, entry.key, entry.line
                    )


def _of_key(name: str, path: str, key: Word, line: int) -> Iterator[Problem]:
    bad = _RESERVED.search(key.value)
    if bad:
        yield Problem(name, line, f"{bad[0]!r} cannot stand in a name on a FortiGate")
    yield from _too_long(name, path, "", key, line)
    yield from _expanded(name, "name", key, line)


def _of_statement(name: str, path: str, node: Statement) -> Iterator[Problem]:
    for word in node.words[1:]:
        yield from _too_long(name, path, node.name, word, node.line)
        yield from _expanded(name, node.name, word, node.line)
    size = len(" ".join(each.raw for each in node.words).encode())
    if size > LONGEST_LINE:
        what = f"the line of '{node.name}' has {size} bytes, {LONGEST_LINE} can be typed safely"
        yield Problem(name, node.line, what, "shorten it")
    if node.name == "name" and any(_RESERVED.search(each.value) for each in node.words[1:]):
        yield Problem(
            name, node.line, "one of < > ( ) # ' \" cannot stand in a name on a FortiGate"
        )


def _expanded(name: str, attribute: str, word: Word, line: int) -> Iterator[Problem]:
    found = _EXPANDED.search(word.value)
    if found:
        what = f"'{attribute}' holds {found[0]}, which the CLI of a FortiGate replaces"
        yield Problem(name, line, what, "leave it out")


def _too_long(name: str, path: str, attribute: str, word: Word, line: int) -> Iterator[Problem]:
    longest, size = SIZES.get(path, {}).get(attribute), len(word.value.encode())
    if longest is not None and size > longest:
        what = f"'{attribute or 'name'}' of {path} has {size} bytes, FortiOS takes {longest}"
        yield Problem(name, line, what, "shorten it")
