"""A plan as a value: what would change at each target of a site, and the canonical JSON form of it.

A plan holds everything that would be sent. It has secrets by name, never by value, so that it can be
shown, compared byte for byte, saved, and given to another process.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, Protocol

Verb = Literal[
    "plan",
    "apply",
    "verify",
    "teardown",
    "rotate",
    "status",
    "bans",
    "ban",
    "unban",
    "allow",
    "unallow",
    "shield",
    "alarms",
    "replay",
]
# The verbs that change what the plan names.
CHANGING: tuple[Verb, ...] = ("apply", "teardown", "rotate")
State = Literal["ok", "changed", "differs", "failed", "unreachable", "skipped"]
Kind = Literal["linux", "fortios"]
# The version of the JSON form.
FORMAT = 1
# Pairs of lines that are compared for a diff; so many take some seconds at worst.
MOST_COMPARED = 10**9
# A plan as JSON data.
Document = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One difference between desired and observed.

    ``id`` is ``kind:name`` (``file:/etc/x``, ``system automation-stitch:NAME``), ``action`` a verb for the
    operator (create, update, delete, install, remove, start, enable, restart, reload, restore), ``diff`` a
    unified diff for a file and CLI lines for a FortiGate, ``reason`` the reason if it is not obvious.
    ``source``: the origin of the change if not the inventory: a ban host's memory can be forged. ``role``:
    the role whose resource it is; empty if there is none.
    """

    id: str
    action: str
    diff: str = ""
    reason: str = ""
    source: str = ""
    role: str = ""


class Plan(Protocol):
    """A plan of either kind of target: changes in the order in which they are made."""

    @property
    def changes(self) -> tuple[Change, ...]: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class TargetPlan:
    """The plan of one target, or the reason why there is none (``state`` and ``error``).

    ``steps``: what would be sent, each as canonical JSON: a step for the agent of a ban host, or
    ``{"id", "cli"}`` with the whole CLI block for a FortiGate. ``seen``: the ban host's digest of what
    the steps depend on. ``to_be_made``: what is shown by name because it does not exist yet.
    ``remembers``: the record on the ban host changes even if nothing is sent. ``forgets``: FortiGates
    whose records are dropped. The other fields are for the report.
    """

    host: str
    kind: Kind
    state: State = "ok"
    changes: tuple[Change, ...] = ()
    steps: tuple[str, ...] = ()
    seen: str = ""
    to_be_made: tuple[str, ...] = ()
    remembers: bool = False
    forgets: tuple[str, ...] = ()
    error: str = ""
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    execs: int = 0
    exchanges: int = 0

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    @property
    def is_known(self) -> bool:
        """The target was observed, so that its plan can be approved."""
        return self.state in ("ok", "differs")

    @property
    def is_due(self) -> bool:
        """There is something to do."""
        return self.is_known and bool(self.changes or self.remembers or self.forgets)


@dataclass(frozen=True)
class SitePlan:
    """The plan of ``verb`` for one site: a plan for each of its targets within the limit."""

    name: str
    verb: Verb
    targets: tuple[TargetPlan, ...] = ()

    __pydantic_config__: ClassVar = {"extra": "forbid"}


def format_approved(plan: TargetPlan) -> str:
    """Return the part of ``plan`` that an operator approves, as canonical JSON.

    It leaves out what may differ while the same is sent: reasons, which count days, and notes.
    """
    changes = [[change.id, change.action, change.diff, change.source] for change in plan.changes]
    steps = [json.loads(step) for step in plan.steps]
    return format_canonical(
        {"host": plan.host, "kind": plan.kind, "changes": changes, "steps": steps}
    )


def format_canonical(value: object) -> str:
    """Return ``value`` as JSON with one spelling only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def to_json(plan: SitePlan) -> str:
    """Return the canonical JSON form of ``plan``."""
    return format_canonical({"format": FORMAT, **to_document(plan)})


def to_document(plan: SitePlan) -> Document:
    """Return ``plan`` as JSON data."""
    targets = [
        {**asdict(target), "steps": [json.loads(step) for step in target.steps]}
        for target in plan.targets
    ]
    return {"name": plan.name, "verb": plan.verb, "targets": targets}


def from_json(text: str) -> SitePlan:
    """Return the plan that :func:`to_json` wrote.

    Raises:
        ValueError: the text is no plan, or a plan of another version.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValueError(f"a plan must be JSON ({error}); make a new plan") from None
    if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
        raise ValueError(f"a plan must be of format {FORMAT}; make a new plan")
    return from_document(document)


def from_document(document: Document) -> SitePlan:
    """Return the plan that :func:`to_document` described.

    Raises:
        ValueError: it is no plan.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        targets = [
            {**target, "steps": [format_canonical(step) for step in target["steps"]]}
            for target in document["targets"]
        ]
        return TypeAdapter(SitePlan).validate_python({**document, "targets": targets})
    except (KeyError, TypeError, ValidationError) as error:
        places = error.errors() if isinstance(error, ValidationError) else []
        where = ".".join(str(step) for step in places[0]["loc"]) if places else "targets"
        raise ValueError(
            f"a plan must have the form of a plan ({where} has not); make a new plan"
        ) from None


def format_plan(plan: TargetPlan) -> str:
    """Return the changes of ``plan`` as text, the form in which an operator sees two plans compared."""
    return "\n".join(
        line
        for change in plan.changes
        for line in (
            f"{change.action} {change.id}",
            *("    " + x for x in change.diff.splitlines()),
        )
    )


def unified_diff(name: str, before: str | None, after: str | None) -> str:
    """Return a unified diff as `diff -u` writes it; ``None`` stands for "does not exist".

    Of long texts, which only a hostile target has, all lines are replaced: to compare them may take days.
    """
    old, new = (before or "").splitlines(), (after or "").splitlines()
    from_name, to_name = ("/dev/null" if text is None else name for text in (before, after))
    if old == new:
        return ""
    if len(old) * len(new) <= MOST_COMPARED:
        return "\n".join(difflib.unified_diff(old, new, from_name, to_name, lineterm=""))
    removed, added = (f"-{line}" for line in old), (f"+{line}" for line in new)
    head = (f"--- {from_name}", f"+++ {to_name}", f"@@ -1,{len(old)} +1,{len(new)} @@")
    return "\n".join((*head, *removed, *added))
