"""What a plan is made of, whichever kind of target it is for, and how a change is shown."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Change:
    """One difference between desired and observed.

    ``id`` is ``kind:name`` (``file:/etc/x``, ``system automation-stitch:NAME``), ``action`` a verb an
    operator reads (create, update, delete, install, remove, start, enable, restart, reload, restore),
    ``diff`` a unified diff for a file and CLI lines for a firewall, ``reason`` why, where it is not plain.
    ``source``: who asks for it, if not the inventory: a ban host's memory can be forged.
    """

    id: str
    action: str
    diff: str = ""
    reason: str = ""
    source: str = ""


class Plan(Protocol):
    """What both kinds of target plan to: changes in the order they will be made."""

    @property
    def changes(self) -> tuple[Change, ...]: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...


def unified(name: str, before: str | None, after: str | None) -> str:
    """A unified diff as `diff -u` writes it; ``None`` stands for "does not exist"."""
    lines = difflib.unified_diff(
        (before or "").splitlines(),
        (after or "").splitlines(),
        fromfile="/dev/null" if before is None else name,
        tofile="/dev/null" if after is None else name,
        lineterm="",
    )
    return "\n".join(lines)
