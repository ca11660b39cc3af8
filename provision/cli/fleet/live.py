"""The live display of a run on a terminal: counters, what is at work, and what has failed.

It always fits on the terminal, however many sites there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.text import Text

from provision.cli.fleet.tally import Row, Snapshot

# The widest column of names.
_WIDEST = 30


def draw_progress(now: Snapshot, colours: dict[str, str], width: int, height: int) -> Group:
    """Return the display in at most ``height`` - 1 lines of ``width`` cells."""
    lines = list(islice(_list_lines(now, colours, height - 1), max(1, height - 1)))
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
        line.truncate(max(1, width), overflow="ellipsis")
    return Group(*lines)


def _list_lines(now: Snapshot, colours: dict[str, str], room: int) -> Iterator[Text]:
    if now.total > 1:
        yield Text(_format_counters(now), style="bold")
        yield _format_states(now, colours)
        room -= 2
    failed = min(len(now.failed), max(1, room // 3)) if now.failed else 0
    yield from _list_rows(now.rows, colours, room - failed, len(now.rows))
    room -= min(len(now.rows), room - failed)
    count = now.counts.get("failed", 0) + now.counts.get("unreachable", 0)
    yield from _list_rows(now.failed, colours, room, count)
    room -= min(count, room)
    if room > 0:
        yield from _list_rows(now.ended[:room], colours, room, 0)


def _format_counters(now: Snapshot) -> str:
    counters = f"{now.done} of {now.total} sites, {now.at_work} at work, {now.waiting} waiting"
    if now.per_second is None or now.left is None or now.done == now.total:
        return counters
    return f"{counters}; {_spell_speed(now.per_second)}, {_spell_time(now.left)} left"


def _format_states(now: Snapshot, colours: dict[str, str]) -> Text:
    parts: list[str | tuple[str, str]] = []
    for state, colour in colours.items():
        number = {str(key): value for key, value in now.counts.items()}.get(state, 0)
        if number:
            parts += [(f"{state}={number}", colour), " "]
    return Text.assemble(*parts)


def _spell_speed(per_second: float) -> str:
    return f"{per_second:.1f} a second" if per_second >= 1 else f"{60 * per_second:.0f} a minute"


def _spell_time(seconds: float) -> str:
    if seconds < 60:
        return f"about {seconds:.0f} s"
    minutes = round(seconds / 60)
    return (
        f"about {minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"about {minutes} min"
    )


def _list_rows(
    rows: Sequence[Row], colours: dict[str, str], room: int, count: int
) -> Iterator[Text]:
    """Yield at most ``room`` lines: some ``rows``, and how many of all ``count`` are left out."""
    if room <= 0:
        return
    shown = list(rows) if max(count, len(rows)) <= room else list(rows[: room - 1])
    widths = [_measure(row.site for row in shown), _measure(row.host for row in shown)]
    for row in shown:
        names = [row.site, row.host] if any(each.host for each in shown) else [row.site]
        cells = "  ".join(map(set_cell_size, names, widths))
        style = "cyan" if row.state is None else colours[row.state]
        yield Text.assemble(f"{cells}  ", (row.text, style))
    if max(count, len(rows)) > len(shown):
        yield Text(f"... and {max(count, len(rows)) - len(shown)} more", style="dim")


def _measure(names: Iterator[str]) -> int:
    return min(_WIDEST, max(map(cell_len, names), default=0))
