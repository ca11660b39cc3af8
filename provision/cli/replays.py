"""The verb `replay`: what the rules would have done with logs of the past. It contacts no host."""

from __future__ import annotations

import json
import sys

import click

from provision.cli.options import App, Flags, add_common_options
from provision.cli.runs import choose_sites
from provision.desired import collect
from provision.masking import escape
from provision.results import Exit


@click.command()
@add_common_options
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--poll",
    type=click.FloatRange(0, 86400),
    default=None,
    metavar="SECONDS",
    help="Seconds until a FortiGate denies a ban. Default: feed_refresh_rate.",
)
def replay(app: App, flags: Flags, files: tuple[str, ...], poll: float | None) -> Exit:
    """Read FortiOS log lines from FILE... (- is standard input) and list who would have been banned."""
    from provision.replay.logs import assign_lines, read_files
    from provision.replay.replay import read_site_rules, replay_lines
    from provision.replay.report import build_document, list_lines

    chosen = list(choose_sites(app, flags, connect=False).values())
    names = {s.site.name: {f.name for f in s.site.fortigates} for s in chosen}
    lines = assign_lines(read_files(files), names)
    replays = []
    for selected in chosen:
        parts = collect.collect_replay_parts(selected.site, app.plays)
        rules = read_site_rules(parts if poll is None else {**parts, "poll": poll})
        replays.append(replay_lines(selected.site.name, lines[selected.site.name], rules))
    document = build_document(replays)
    if flags.json:
        json.dump(document, sys.stdout)
        click.echo()
    else:
        for line in list_lines(document):
            click.echo(escape(app.secrets.mask(line)))
    return Exit.OK


VERBS = (replay,)
