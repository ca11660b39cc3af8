"""Ask root for an act by a file in the spool, and read what became of it.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from typing import NamedTuple

from banstitch_shared.request_file import write_request

from page.acts import Act, write_act

# The file with root's last answers, beside the ban files, and the bytes of it that are read.
ANSWERS = "page_answers.json"
_LARGEST = 1 << 20


class Answer(NamedTuple):
    """The outcome of a request, in sentences."""

    ok: bool
    said: tuple[str, ...]


def make_id() -> str:
    """Return the id of a new request."""
    return secrets.token_hex(16)


def ask(folder: str, act: Act, now: float) -> None:
    """Write a request into the folder. Raises OSError."""
    write_request(folder, write_act(act), now)


def read_answer(folder: str, act_id: str) -> Answer | None:
    """Return what became of a request; None while root is not done."""
    try:
        with open(os.path.join(folder, ANSWERS), "rb") as stream:
            found = json.loads(stream.read(_LARGEST))[act_id]
        return Answer(bool(found["ok"]), tuple(map(str, found["said"])))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def await_answer(folder: str, act_id: str, seconds: float) -> Answer | None:
    """Return what became of a request within some seconds."""
    until = time.monotonic() + seconds
    while True:
        answer = read_answer(folder, act_id)
        if answer is not None or time.monotonic() > until:
            return answer
        time.sleep(0.1)
