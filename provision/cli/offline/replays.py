"""The work of the verb `replay`: of files, which contacts no host, and of what ban hosts recorded."""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence

import click

from provision.cli.choosing import choose_sites
from provision.cli.options import App, Flags
from provision.cli.report.json_document import mask_texts
from provision.desired import running_site
from provision.masking import escape
from provision.replay.evidence import replay_evidence
from provision.replay.logs import LogFiles, assign_lines
from provision.replay.replay import SiteRules, read_site_rules, replay_lines
from provision.replay.report import ReplayDocument, build_document, list_lines
from provision.results import Exit, exit_code
from provision.sites.site import Selected

# Characters that are written at once.
_PIECE = 1 << 20


def replay_files(app: App, flags: Flags, files: Sequence[str], poll: float | None) -> Exit:
    """Replay the lines of ``files`` with the settings of the chosen sites, and print the outcome.

    ``poll``: seconds until a FortiGate denies a ban; None for the inventory's own.

    Raises:
        InputError: a file cannot be read, or a line belongs to none of the sites.
    """
    # a million events hold no cycles, and to look for some takes a good part of the time
    gc.disable()
    chosen = choose_sites(app, flags, connect=False)
    names = {name: [f.name for f in s.site.fortigates] for name, s in chosen.items()}
    lines = assign_lines(LogFiles(files), names)
    replays = [
        replay_lines(name, lines[name], _read_rules(app, selected, poll))
        for name, selected in chosen.items()
    ]
    _print_document(app, flags, build_document(replays))
    return Exit.OK


def replay_ban_hosts(app: App, flags: Flags, poll: float | None) -> Exit:
    """Replay the events that the chosen ban hosts have recorded, and print the outcome.

    Raises:
        InputError: a database that the rules of a site need cannot be read.
    """
    # files need no packages that connect
    from provision.cli.operate import ask_sites
    from provision.engine.requests import ask_evidence

    chosen = choose_sites(app, flags, connect=True)
    results = ask_sites(app, flags, "replay", lambda _: ask_evidence(), chosen)
    answers = {site.name: target for site in results for target in site.targets}
    events = {name: found.details["events"] for name, found in answers.items() if not found.error}
    replays = [
        replay_evidence(name, lines, _read_rules(app, chosen[name], poll))
        for name, lines in events.items()
    ]
    errors = {name: found.error for name, found in answers.items() if found.error}
    left_out = [name for name, found in answers.items() if found.details.get("left_out")]
    _print_document(app, flags, build_document(replays, errors, left_out))
    return exit_code(results)


def _read_rules(app: App, selected: Selected, poll: float | None) -> SiteRules:
    parts = running_site.collect_replay_parts(selected.site, app.plays)
    return read_site_rules(parts if poll is None else {**parts, "poll": poll})


def _print_document(app: App, flags: Flags, document: ReplayDocument) -> None:
    if flags.json:
        # at once: json.dump writes each number by itself
        text = json.dumps(mask_texts(document, app.secrets))
        # in pieces: each is encoded as a copy
        for start in range(0, len(text), _PIECE):
            click.echo(text[start : start + _PIECE], nl=False)
        click.echo()
    else:
        for line in list_lines(document):
            click.echo(escape(app.secrets.mask(line), but=""))
