"""The checkpoint: the state of the rules, and the places in both logs to which it belongs.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from banstitch_shared.service import replace_file

from rules.logfiles import Place
from rules.state import State, read_state

# The form of the file. A checkpoint of another form is not read.
RELEASE = 1


class Checkpoint(NamedTuple):
    """Events up to ``events`` are in the state, and their lines end at ``rules``.

    ``silent_until``: the time up to which events write no line.
    """

    state: State
    events: Place
    rules: Place
    silent_until: float


def read_checkpoint(path: str) -> Checkpoint | None:
    """Return the checkpoint; None where there is none yet.

    Raises:
        ValueError: it is damaged, or of another release.
    """
    try:
        with open(path, encoding="ascii") as stream:
            found = json.load(stream)
        if found["release"] != RELEASE:
            raise ValueError("it comes from another release")
        return Checkpoint(
            read_state(found["state"]),
            _read_place(found["events"]),
            _read_place(found["rules"]),
            float(found["silent_until"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _read_place(fields: Any) -> Place:
    inode, head, offset = fields
    return Place(int(inode), str(head), int(offset))


def write_checkpoint(path: str, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint, safe against a power cut. Raises OSError."""
    document = {
        "release": RELEASE,
        "events": checkpoint.events,
        "rules": checkpoint.rules,
        "silent_until": checkpoint.silent_until,
        "state": checkpoint.state.to_json(),
    }
    replace_file(path, json.dumps(document, separators=(",", ":")), 0o600)
