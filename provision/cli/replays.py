"""The work of the verb `replay`. It contacts no host."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

import click

from provision.cli.options import App, Flags
from provision.cli.runs import choose_sites
from provision.desired import collect
from provision.masking import escape
from provision.replay.logs import assign_lines, read_files
from provision.replay.replay import Replay, read_site_rules, replay_lines
from provision.replay.report import build_document, list_lines
from provision.results import Exit
from provision.sites.builder import Selected


def show_replay(app: App, flags: Flags, files: Sequence[str], poll: float | None) -> Exit:
    """Replay the lines of ``files`` with the settings of the chosen sites, and print the outcome.

    ``poll``: seconds until a FortiGate denies a ban; None for the inventory's own.

    Raises:
        InputError: a file cannot be read, or a line belongs to none of the sites.
    """
    chosen = list(choose_sites(app, flags, connect=False).values())
    names = {s.site.name: [f.name for f in s.site.fortigates] for s in chosen}
    lines = assign_lines(read_files(files), names)
    document = build_document(
        [_replay_site(app, selected, lines[selected.site.name], poll) for selected in chosen]
    )
    if flags.json:
        json.dump(document, sys.stdout)
        click.echo()
    else:
        for line in list_lines(document):
            click.echo(escape(app.secrets.mask(line)))
    return Exit.OK


def _replay_site(app: App, selected: Selected, lines: Iterable[str], poll: float | None) -> Replay:
    parts = collect.collect_replay_parts(selected.site, app.plays)
    rules = read_site_rules(parts if poll is None else {**parts, "poll": poll})
    return replay_lines(selected.site.name, lines, rules)
