"""The agent in the tests' own process: its memory in a folder of the test, its owner who runs that."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest

from provision.linux import agent
from provision.linux.agent import apply, checkers, data, foreign, host, memory, steps
from provision.linux.agent.journal import Journal
from provision.linux.agent.protocol.ids import ResourceId

ME = host.owner_name(os.getuid())
MY_GROUP = host.group_name(os.getgid())


def remember_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the agent have its memory in ``folder``, which is not there yet, and give that."""
    for module in (agent, apply, memory, checkers, data, foreign):
        monkeypatch.setattr(module, "STATE", str(folder))
    return folder


def full_disk(*_: Any) -> NoReturn:
    """Stands for a system call that writes."""
    raise OSError(errno.ENOSPC, "No space left on device")


def take_back(identity: str, journal: Journal, purge: bool) -> None:
    """Take one object back, as a step of a plan does."""
    steps.take_back((ResourceId.parse(identity),), journal, purge)
