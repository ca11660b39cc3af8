"""Check the inventory, and render what would be deployed.

What only verbs that connect need, such as paramiko, is not imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provision.cli.choosing import choose_sites
from provision.cli.options import App, Flags
from provision.cli.report.json_document import write_json
from provision.desired import collect
from provision.desired.export import find_misplaced, render_files
from provision.errors import spell_count
from provision.fortios.config.versions import Version, format_version
from provision.results import Exit, SiteResult

if TYPE_CHECKING:
    from provision.sites.site import Selected

ABOUT_SCRIPTS = (
    "the scripts are for FortiGates that hold nothing of ours and have no addresses in 'vpn ssl settings', "
    "which they would replace; see docs/fleet.md for what to fill in"
)


def check(app: App, flags: Flags, fortios: Version) -> Exit:
    """Check the inventory and render everything. Contacts no host."""
    chosen = list(choose_sites(app, flags, connect=False).values())
    collect.render_all(chosen, app.plays, fortios)
    results = _list_untouched(chosen)
    app.reports.keep("check", results)
    if flags.json:
        write_json(sys.stdout.write, "check", Exit.OK, results, app.secrets)
    else:
        fortigates = spell_count(sum(len(selected.fortigates) for selected in chosen), "FortiGate")
        click.echo(
            f"ok: {spell_count(len(chosen), 'site')}, {fortigates}, as FortiOS {format_version(fortios)}"
        )
    return Exit.OK


def render(
    app: App, flags: Flags, fortios: Version, directory: Path | None, scripts: Path | None
) -> Exit:
    """Write every file and CLI block to DIRECTORY, and scripts for FortiManager. Contacts no host."""
    chosen = list(choose_sites(app, flags, connect=False).values())
    written = _render_scripts(app, chosen, fortios, scripts) if scripts else []
    for selected in chosen:
        if directory:
            written += render_files(selected, app.plays, directory, fortios)
    results = _list_untouched(chosen)
    app.reports.keep("render", results)
    if flags.json:
        write_json(sys.stdout.write, "render", Exit.OK, results, app.secrets)
    else:
        click.echo("\n".join(str(path) for path in written))
        if any(selected.fortigates for selected in chosen):
            click.echo(f"the CLI of FortiGates is for FortiOS {format_version(fortios)}")
        for path, table in find_misplaced(written):
            click.echo(f"{path}: pasting adds the {table} at the end; move it to the top by hand")
        if scripts and written:
            click.echo(ABOUT_SCRIPTS)
    return Exit.OK


def _list_untouched(chosen: Sequence[Selected]) -> list[SiteResult]:
    """Return the results of a verb that contacts no host."""
    return [SiteResult(selected.site.name, ()) for selected in chosen]


def _render_scripts(
    app: App, chosen: Sequence[Selected], fortios: Version, directory: Path
) -> list[Path]:
    from provision.desired import fortimanager

    texts: dict[str, str] = {}
    for selected in chosen:
        texts |= fortimanager.render_scripts(selected, app.plays, fortios)
    return fortimanager.write_scripts(directory, texts)
