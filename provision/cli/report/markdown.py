"""A run as Markdown, for a comment on a merge request.

Targets and log lines choose many of the texts. All of them are in code spans or fences, where nothing is a
link, a mention, HTML or a command of the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from provision.cli.report.texts import (
    STATES,
    cut_text,
    list_changes,
    list_news,
    list_targets,
    summarize_document,
)
from provision.errors import spell_count
from provision.masking import escape
from provision.results import Document, Exit, TargetDocument

# Characters of the whole, because GitHub takes 65,536 in a comment; of its table; of one target.
LONGEST = 60_000
_TABLE = 15_000
_TARGET = 6_000


def format_markdown(document: Document, errors: Sequence[str]) -> str:
    """Return the Markdown for a run; ``errors`` are those of the run itself."""
    code = Exit(document["exit_code"])
    shown = sorted(
        ((site, target) for site, target in list_targets(document) if target["state"] != "ok"),
        key=lambda pair: STATES.index(pair[1]["state"]),
    )
    head = [
        f"### Banstitch: {document['verb'] or 'run'}",
        f"{summarize_document(document)}. Exit code {int(code)} ({code.name.lower()}).",
    ]
    if errors:
        head.append(_quote_block(cut_text(errors, _TARGET)))
    if shown:
        head.append(_format_table(shown))
    parts = (_format_target(site, target) for site, target in shown)
    room = LONGEST - sum(map(len, head))
    return "\n\n".join([*head, *_fit(parts, len(shown), room)]) + "\n"


def _format_table(targets: Sequence[tuple[str, TargetDocument]]) -> str:
    head = ("| site | target | state | changes |", "|---|---|---|---|")
    rows = (_format_row(site, target) for site, target in targets)
    return "\n".join([*head, *_fit(rows, len(targets), _TABLE)])


def _format_row(site: str, target: TargetDocument) -> str:
    cells = (_quote_cell(site), _quote_cell(target["host"]), target["state"])
    return f"| {' | '.join(cells)} | {len(target['changes'])} |"


def _fit(parts: Iterable[str], number: int, longest: int) -> Iterator[str]:
    """Yield the first of a ``number`` of ``parts`` that have room, then how many are left out."""
    size = 0
    for done, part in enumerate(parts):
        size += len(part) + 2
        if size > longest:
            left = spell_count(number - done, "more target")
            yield f"\n{left}: the JSON report has them all."
            return
        yield part


def _format_target(site: str, target: TargetDocument) -> str:
    parts = [f"#### {_quote(target['host'])} of {_quote(site)}: {target['state']}"]
    news = [*list_news(target), *(f"note: {note}" for note in target["notes"])]
    if news:
        parts.append(_quote_block(cut_text(news, _TARGET)))
    if target["changes"]:
        count = spell_count(len(target["changes"]), "change")
        changes = _quote_block(cut_text([*list_changes(target, "# ")], _TARGET), "diff")
        parts.append(f"<details><summary>{count}</summary>\n\n{changes}\n\n</details>")
    return "\n\n".join(parts)


def _quote_block(text: str, language: str = "text") -> str:
    """Return ``text`` as a block that no line of it can end."""
    fence = "`" * max(3, _find_longest_run(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _quote(text: str) -> str:
    """Return ``text`` as a code span that no character of it can end."""
    shown = escape(text, but="") or " "
    mark = "`" * (_find_longest_run(shown) + 1)
    edge = " " if "`" in shown else ""
    return f"{mark}{edge}{shown}{edge}{mark}"


def _quote_cell(text: str) -> str:
    return _quote(text).replace("|", "\\|")


def _find_longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
