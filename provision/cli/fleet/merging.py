"""The work of `merge RUN...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from provision.cli.options import App, Flags
from provision.cli.report.json_document import write_json
from provision.cli.runs import open_report
from provision.engine.fleet.merging import merge_runs
from provision.engine.fleet.run_reader import read_run
from provision.plan import CHANGING
from provision.results import Exit


def merge(app: App, flags: Flags, paths: Sequence[Path]) -> Exit:
    """Print the run whose shards left the run files at ``paths``, and return its exit code."""
    merged = merge_runs(list(map(read_run, paths)))
    report = open_report(app, flags)
    app.reports.keep(merged.verb, merged.results)
    if flags.json:
        write_json(sys.stdout.write, merged.verb, merged.code, merged.results, app.secrets)
    else:
        is_plan = merged.verb not in CHANGING
        report.print_sites(merged.results, flags.plan_detail if is_plan else flags.detail)
        report.print_summary(merged.results)
    for note in merged.notes:
        app.reports.note_error(note)
        report.print_line(note, "red")
    return merged.code
