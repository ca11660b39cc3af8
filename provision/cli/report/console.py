"""Print a run: as plain lines, or as a live table on a terminal.

Every text is masked with the run's secrets before it is printed.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Self, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.text import Text

from provision.cli.fleet.live import draw_progress
from provision.cli.fleet.tally import Row, Tally
from provision.cli.report.grouping import group_changes, list_one_by_one
from provision.errors import spell_count
from provision.linux.pem import in_one_line
from provision.masking import Secrets, escape
from provision.plan import Change, Kind, SitePlan, State
from provision.results import SiteResult, TargetResult

if TYPE_CHECKING:
    from rich.live import Live

COLOURS = {
    "ok": "green",
    "changed": "yellow",
    "differs": "yellow",
    "failed": "red",
    "unreachable": "red",
    "skipped": "cyan",
}
_FAILED = ("failed", "unreachable")
DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


# How much to print of changes. names: their names, in groups; plan: also the diffs of existing files and the
# CLI of FortiGates; everything: each change with its whole diff.
Detail = Literal["names", "plan", "everything"]


class Report:
    """Prints to one console, masked. On a terminal, a live table shows the activity at each target."""

    def __init__(self, secrets: Secrets, stream: TextIO, live: bool, verbose: int) -> None:
        self._secrets = secrets
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._verbose = verbose
        self._wanted = live and self._console.is_terminal
        self._live: Live | None = None
        self._tally = Tally()
        self._lock = threading.RLock()
        self._held: list[tuple[str, str]] | None = None

    def __enter__(self) -> Self:
        self._tally.start(0)
        if self._wanted:
            self._show_live()
        return self

    def expect_sites(self, total: int) -> None:
        """Count the progress of a run at so many sites."""
        self._tally.start(total)

    def _show_live(self) -> None:
        from rich.live import Live

        self._live = Live(
            console=self._console,
            transient=True,
            refresh_per_second=4,
            get_renderable=self._draw,
        )
        self._live.start()

    def _draw(self) -> Group:
        """Return the live display. Another thread calls this, with a lock that printing needs as well."""
        size = self._console.size
        return draw_progress(self._tally.look(), COLOURS, size.width, size.height)

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Leave the terminal to a question: hide the live table, and hold back lines until the end."""
        with self._lock:
            live, self._live, self._held = self._live, None, []
        if live is not None:
            live.stop()
        try:
            yield
        finally:
            if live is not None:
                self._show_live()
            with self._lock:
                held, self._held = self._held, None
            for text, style in held:
                self._print(text, style)

    def report_activity(self, site: str, host: str, activity: str) -> None:
        """Show what happens at ``host``: in the live table, or as a line with -v."""
        self._update_row(site, host, activity)
        if self._live is None and self._verbose:
            self.print_line(f"{host}: {activity}")

    def report_result(self, site: str, result: TargetResult) -> None:
        """Show the state of a target in the live table."""
        self._update_row(site, result.host, result.state, result.state)

    def report_site(self, site: SiteResult | SitePlan) -> None:
        """Count a site that has ended."""
        error = next((each.error for each in site.targets if each.state in _FAILED), "")
        shown = self._clean(error.partition("\n")[0]) if self._wanted else ""
        self._tally.end_site(site.name, [target.state for target in site.targets], shown)

    def _update_row(self, site: str, host: str, text: str, state: State | None = None) -> None:
        if self._wanted:
            self._tally.note(Row(site, host, self._clean(text), state))

    def _clean(self, text: str) -> str:
        return escape(self._secrets.mask(text), but="")

    def print_line(self, text: str = "", style: str = "") -> None:
        """Print one line or several, masked and with control characters escaped."""
        self._print(self._secrets.mask(text), style)

    def _print(self, text: str, style: str) -> None:
        with self._lock:
            if self._held is not None:
                self._held.append((text, style))
            else:
                self._console.print(Text(escape(text), style=style), soft_wrap=True)

    def _print_diff(self, diff: str, by_name: bool) -> None:
        """Print a diff. If it shows secrets ``by_name``, do not mask it: a mask could hide words of it."""
        for row in diff.splitlines():
            text = row if by_name else self._secrets.mask(row)
            self._print(" " * 10 + text, DIFF_COLOURS.get(row[:1], ""))

    def print_sites(self, sites: Sequence[SiteResult], detail: Detail) -> None:
        """Print every target with its state, changes, notes and error."""
        for site in sites:
            self.print_line(f"site {site.name}", "bold")
            for target in site.targets:
                self._print_target(target, detail)
        hidden = _count_hidden(sites) if detail == "plan" else 0
        if hidden:
            files = spell_count(hidden, "new or deleted file")
            self.print_line(f"the content of {files} is not printed; -D prints it", "cyan")

    def _print_target(self, target: TargetResult, detail: Detail) -> None:
        linux = target.kind == "linux"
        cost = (
            spell_count(target.execs, "exec")
            if linux
            else spell_count(target.exchanges, "exchange")
        )
        self.print_line(
            f"  {target.state:<11} {target.host} ({target.kind}, {cost})", COLOURS[target.state]
        )
        for line in target.details.get("settings", ()) if detail != "names" else ():
            self.print_line(f"      {line}", "cyan")
        self._print_changes(target.changes, target.kind, detail)
        for note in target.notes:
            self.print_line(_indent(note, "      note: "), "cyan")
        if target.error:
            self.print_line(_indent(target.error, "      "), "red")
        if target.new_plan is not None:
            self._print_new_plan(target, "plan" if detail == "names" else detail)

    def _print_new_plan(self, target: TargetResult, detail: Detail) -> None:
        """Print the current plan of a target, and its difference from the plan that was shown before."""
        self.print_line(
            "      the new plan:" if target.new_plan else "      the new plan changes nothing",
            "cyan",
        )
        self._print_changes(target.new_plan or (), target.kind, detail)
        self.print_line("      the difference from the plan that was shown:", "cyan")
        difference = "\n".join(target.difference.splitlines()[2:])
        self._print_diff(difference, target.kind == "fortios")

    def _print_changes(self, changes: Sequence[Change], kind: Kind, detail: Detail) -> None:
        groups = (
            list_one_by_one(changes) if detail == "everything" else group_changes(changes, kind)
        )
        for group in groups:
            why = f"  ({group.why})" if group.why else ""
            self.print_line(f"      {group.action:<8} {group.head}{why}", "yellow")
            for change in group.changes:
                # a record can be forged, so a change that only a record asks for is always printed in full
                if change.source or (detail != "names" and not group.cut):
                    diff = change.diff if detail == "everything" else in_one_line(change.diff)
                    self._print_diff(diff, kind == "fortios")

    def print_table(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], below: Sequence[str] = ()
    ) -> None:
        """Print a table, one line for each row. No cell is cut, so that the output can be searched.

        A line break in a cell is escaped: a ban host may have put it there. On a narrow terminal, the columns
        that do not fit continue on another, indented line.
        ``below``: one text for each row, printed under it and wrapped on a terminal.
        """
        table = [list(heads), *(list(map(self._clean, row)) for row in rows)]
        widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
        room = self._console.width if self._console.is_terminal else sum(widths) + 2 * len(widths)
        for number, row in enumerate(table):
            for start, stop in _split_columns(widths, room):
                cells = map(set_cell_size, row[start:stop], widths[start:stop])
                line = (_MARGIN if start else "") + "  ".join(cells).rstrip()
                if line.strip():
                    self.print_line(line, "" if number else "bold")
            if number and below and below[number - 1]:
                self._print_below(escape(self._secrets.mask(below[number - 1])))

    def _print_below(self, text: str) -> None:
        room = max(1, self._console.width - len(_MARGIN))
        wrap = self._console.is_terminal and cell_len(text) > room
        for line in _wrap_text(text, room) if wrap else [text]:
            self.print_line(_MARGIN + line, "dim")

    def print_summary(self, sites: Sequence[SiteResult]) -> None:
        """Print the number of targets in each state on one line, as Ansible's recap does."""
        states = [target.state for site in sites for target in site.targets]
        counts = [f"{state}={states.count(state)}" for state in COLOURS if state in states]
        changes = sum(len(target.changes) for site in sites for target in site.targets)
        counted = f"{spell_count(len(sites), 'site')}, {spell_count(len(states), 'target')}"
        self.print_line(f"{counted}: {' '.join([*counts, f'changes={changes}'])}")


def _count_hidden(sites: Sequence[SiteResult]) -> int:
    targets = [target for site in sites for target in site.targets]
    return sum(g.hidden for target in targets for g in group_changes(target.changes, target.kind))


_MARGIN = "    "


def _wrap_text(text: str, room: int) -> list[str]:
    """Return ``text`` in lines of at most ``room`` cells, broken between words where possible."""
    lines = [""]
    for word in re.findall(r" *[^ ]+| +$", text):
        if cell_len(lines[-1] + word) <= room:
            lines[-1] += word
        else:
            lines += _chop_word(word.removeprefix(" ") if lines[-1] else word, room)
    return [line for line in lines if line]


def _chop_word(word: str, room: int) -> list[str]:
    """Return ``word`` in parts of at most ``room`` cells. `chop_cells` of rich 15 loses a lone modifier."""
    parts = [""]
    for character in word:
        if cell_len(parts[-1] + character) <= room:
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def _split_columns(widths: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Return the range of columns for each line of a row; each range has at least one column."""
    ranges, start, used = [], 0, 0
    for column, width in enumerate(widths):
        if column > start and used + width > room:
            ranges.append((start, column))
            start, used = column, len(_MARGIN)
        used += width + 2
    return [*ranges, (start, len(widths))]


def _indent(text: str, first: str) -> str:
    return first + text.replace("\n", "\n" + " " * len(first))
