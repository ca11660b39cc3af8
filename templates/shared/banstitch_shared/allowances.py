"""Read and write the allowances of a site: addresses and networks that are not banned for some time.

    [{"network": "203.0.113.9", "until": EPOCH, "since": EPOCH, "by": TEXT, "why": TEXT}, ...]

An operator gives and takes them; the file belongs to root. What has expired may stand there a little longer.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from banstitch_shared.addresses import spell_ban

NAME = "allowed.json"
# Allowances of a site; characters of a text.
MOST = 1000
LONGEST = 500


class Allowance(NamedTuple):
    """One allowance. Times in epoch seconds."""

    network: str
    until: float
    since: float
    by: str
    why: str


def find_allowances(folder: str) -> str:
    """Return the path of the file, beside the ban files."""
    return os.path.join(folder, NAME)


def read_allowances(path: str, now: float) -> list[Allowance]:
    """Return the allowances in force; none where there is no such file.

    Raises:
        OSError, ValueError: the file cannot be read, or is damaged.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
    except FileNotFoundError:
        return []
    try:
        allowances = [_read_allowance(entry) for entry in found[:MOST]]
    except (TypeError, LookupError) as error:
        raise ValueError("%s is damaged" % path) from error
    return [allowance for allowance in allowances if allowance.until > now]


def _read_allowance(entry: Any) -> Allowance:
    network = str(entry["network"])
    if spell_ban(network) != network:
        raise ValueError("%r is neither an address nor a network" % network[:100])
    until, since = float(entry["until"]), float(entry["since"])
    return Allowance(network, until, since, str(entry["by"])[:LONGEST], str(entry["why"])[:LONGEST])


def format_allowances(allowances: list[Allowance]) -> str:
    """Return the text of the file."""
    return json.dumps([allowance._asdict() for allowance in allowances], indent=1) + "\n"
