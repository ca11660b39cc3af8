"""Texts of a run's document that several forms of report share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from provision.errors import spell_count
from provision.masking import escape
from provision.results import Document, TargetDocument

# The states of targets, those that need attention first.
STATES = ("failed", "unreachable", "differs", "changed", "skipped", "ok")


def list_targets(document: Document) -> Iterator[tuple[str, TargetDocument]]:
    """Yield each target with the name of its site."""
    for site in document["sites"]:
        for target in site["targets"]:
            yield site["name"], target


def summarize_document(document: Document) -> str:
    """Return the number of targets in each state on one line."""
    targets = [target for _, target in list_targets(document)]
    states = [target["state"] for target in targets]
    counts = [f"{state}={states.count(state)}" for state in STATES if state in states]
    sites = spell_count(len(document["sites"]), "site")
    changes = sum(len(target["changes"]) for target in targets)
    head = f"{sites}, {spell_count(len(targets), 'target')}"
    return f"{head}: {' '.join(counts)} changes={changes}" if targets else head


def list_changes(target: TargetDocument, mark: str = "") -> Iterator[str]:
    """Yield a line for each change of ``target``, after ``mark``, and the lines of its diff."""
    for change in target["changes"]:
        why = "; ".join(filter(None, (change["source"], change["reason"])))
        yield f"{mark}{change['action']} {change['id']}{f' ({why})' if why else ''}"
        yield from change["diff"].splitlines()


def list_news(target: TargetDocument) -> Iterator[str]:
    """Yield the lines of the error of ``target``, and of the difference to the plan that was approved."""
    yield from (target["error"] or "").splitlines()
    yield from target["difference"].splitlines()


def cut_text(lines: Sequence[str], longest: int) -> str:
    """Return ``lines`` as a text with control characters escaped, and without what is over ``longest``."""
    text = "\n".join(lines)
    shown = escape(text[:longest])
    if len(text) <= longest and len(shown) <= longest:
        return shown
    kept = shown[:longest].rpartition("\n")[0] or shown[:longest]
    return f"{kept}\n... ({len(text)} characters in all)"
