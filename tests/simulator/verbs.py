"""The verbs of each context, which of them can change a FortiGate, and what the help key lists."""

from typing import TYPE_CHECKING

from tests.simulator import kinds, operations, refusals
from tests.simulator.frames import Words
from tests.simulator.text import split

if TYPE_CHECKING:
    from tests.simulator.session import Session

_TOP = ("config", "show", "get", "execute", "diagnose", "exit", "sudo")
_READ = ("show", "get", "abort", "end")
VERBS = {
    "top": _TOP,
    "scope": (*_TOP, "end", "next", "abort"),
    "vdoms": ("edit", "delete", "end", "abort", "show", "get"),
    "table": ("edit", "delete", "purge", "rename", "clone", "move", *_READ),
    "entry": ("set", "unset", "append", "select", "unselect", "config", "next", *_READ),
}
TABLE_VERBS = ("edit", "delete", "purge", "rename", "clone", "move")
ENTRY_VERBS = ("set", "unset", "append", "select", "unselect")
WRITES = (
    "config",
    "edit",
    "delete",
    "purge",
    "rename",
    "clone",
    "move",
    "next",
    "end",
    *ENTRY_VERBS,
)


def may_change(session: "Session", line: str) -> bool:
    """Return whether `line`, typed now, could change the FortiGate (reading or walking cannot)."""
    words = split(line).words
    if not words:
        return False
    try:
        verb = kinds.match(words[0].text, VERBS[session.kind])
    except refusals.Refused:
        return words[0].text in WRITES
    if verb in ("execute", "sudo"):
        return operations.writes(words)
    if verb in ("config", "end", "next", "edit") and _is_walk(session, verb, words[1:]):
        return False
    return verb in WRITES


def _is_walk(session: "Session", verb: str, words: Words) -> bool:
    named = words[0].text if words else ""
    if verb == "config":
        return session.kind == "top" and session.config.multi and named in ("global", "vdom")
    if verb == "edit":
        return session.kind == "vdoms" and named in session.config.vdoms
    return session.kind in ("scope", "vdoms")


def list_completions(session: "Session", line: str) -> list[str]:
    """Return what the help key prints for a line typed so far."""
    words = split(line).words
    fresh = line.endswith(" ") or not words
    stem = "" if fresh else words[-1].text
    names = _list_expected(session, words if fresh else words[:-1])
    return [name for name in names if name.startswith(stem)] or [stem]


def _list_expected(session: "Session", words: Words) -> list[str]:
    if not words:
        return list(VERBS[session.kind])
    texts = [word.text for word in words]
    if session.kind == "entry":
        table = session.frames[-1].table
        found = table.attribute(texts[1]) if len(texts) > 1 else None
        return list(found.choices) if found else [each.name for each in table.attributes]
    paths = [[word.text for word in split(path).words] for path in session.blocks()]
    depth = len(texts) - 1
    return sorted({p[depth] for p in paths if len(p) > depth and p[:depth] == texts[1:]})
