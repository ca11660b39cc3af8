"""Take up an earlier run, choose a shard, and keep the run file of a run in progress."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.cli.choosing import choose_sites
from provision.cli.fleet.run_options import NEWEST, RunOptions
from provision.cli.options import App, Flags
from provision.engine.fleet.continuing import (
    Part,
    name_options,
    resume_run,
    retry_failed,
    start_run,
)
from provision.engine.fleet.run_files import RunEnd, RunFile, RunHead, format_now
from provision.engine.fleet.run_folder import find_newest, find_run_folder, open_run_file
from provision.engine.fleet.run_reader import make_error, read_run
from provision.engine.parallel import Interrupted
from provision.inventory.sources.files import is_list
from provision.plan import CHANGING, Verb

if TYPE_CHECKING:
    from provision.cli.report.console import Report
    from provision.engine.fleet.waves import Waves
    from provision.masking import Secrets
    from provision.sites.selection import ChosenSites

# The options that decide what is done at a site. A run that is taken up must have them again.
_DECIDING = ("adopt", "forget", "keep_packages", "purge_data")


def describe_run(flags: Flags, verb: Verb, options: Mapping[str, Any]) -> RunHead:
    """Return the head of the run file, as yet without sites."""
    paths = [
        each if is_list(each) else os.path.abspath(each)  # noqa: PTH100 - it removes ..
        for each in flags.inventory
    ]
    deciding = {name: options[name] for name in _DECIDING if name in options}
    return RunHead(
        verb,
        format_now(),
        flags.inventory,
        tuple(paths),
        {},
        flags.limit,
        name_options(deciding),
    )


def _mask_head(head: RunHead, secrets: Secrets) -> RunHead:
    """Return ``head`` with everything masked that was typed; the secrets of the inventory must be known."""
    mask = secrets.mask
    return replace(
        head,
        inventory=tuple(map(mask, head.inventory)),
        sources=tuple(map(mask, head.sources)),
        limit=mask(head.limit),
        options=tuple(map(mask, head.options)),
    )


def choose_part(
    app: App,
    flags: Flags,
    report: Report,
    head: RunHead,
    runs: RunOptions,
    hosts: tuple[str, ...] = (),
) -> Part:
    """Return the sites of a run that connects. ``hosts``: those of a saved plan, if there is one.

    Raises:
        InputError: something is wrong with the inventory, or with the earlier run that is taken up.
    """
    chosen = choose_sites(app, flags, connect=True, hosts=hosts)
    part = narrow_sites(app, flags, runs, head, chosen, is_limited=bool(hosts))
    if part.earlier:
        report.print_line(part.describe(), "cyan")
    return part


def narrow_sites(
    app: App,
    flags: Flags,
    runs: RunOptions,
    head: RunHead,
    chosen: ChosenSites,
    is_limited: bool = False,
) -> Part:
    """Return the part of the ``chosen`` sites that the options ``runs`` name.

    ``is_limited``: something else than the limit has left out sites of the inventory.

    Raises:
        InputError: the earlier run cannot be taken up.
    """
    head = replace(_mask_head(head, app.secrets), shard=runs.shard)
    if head.verb == "rotate":
        with_fortigates = (part for part in chosen.values() if part.fortigates)
        chosen = chosen.narrow(host for part in with_fortigates for host in part.hosts)
    if runs.earlier is None:
        return start_run(chosen, head)
    named = runs.earlier != NEWEST
    path = Path(runs.earlier) if named else find_newest(_find_folder(flags, runs), head)
    take_up = resume_run if runs.retry_failed is None else retry_failed
    return take_up(chosen, head, read_run(path), is_limited or bool(flags.limit))


def _find_folder(flags: Flags, runs: RunOptions) -> Path:
    return runs.run_dir or find_run_folder(flags.inventory[0])


def _is_inventory(folder: Path, flags: Flags) -> bool:
    """Return whether ``folder`` is in one of those from which the inventory is read."""
    read = [Path(each).resolve() for each in flags.inventory if Path(each).is_dir()]
    return any(folder.resolve().is_relative_to(each) for each in read)


def continue_waves(part: Part, waves: Waves) -> Waves:
    """Return the waves of a run: those of the run that is resumed, unless others are given.

    Raises:
        InputError: the run file has waves or a budget that cannot be read.
    """
    if part.earlier is None or not part.resumes:
        return waves
    before = part.earlier.head
    try:
        return waves.continue_from(before.waves, before.max_fail)
    except ValueError as error:
        raise make_error(part.earlier.path, f"is damaged: {error}") from None


@contextmanager
def keep_run_file(
    app: App,
    flags: Flags,
    report: Report,
    part: Part,
    runs: RunOptions,
    waves: Waves | None = None,
) -> Iterator[RunFile]:
    """Keep the run file of a run; if it changes nothing, only with --run-dir."""
    if part.head.verb not in CHANGING and runs.run_dir is None:
        yield RunFile()
        return

    def warn(message: str) -> None:
        report.print_line(f"warning: {message}", "yellow")

    head = replace(part.head, started=format_now())
    if waves:
        budget = "" if waves.max_fail is None else str(waves.max_fail)
        head = replace(head, waves=str(waves), max_fail=budget)
    folder = _find_folder(flags, runs)
    if _is_inventory(folder, flags):
        warn(
            f"no run file in {folder}: it would be read as an inventory; --run-dir names another folder"
        )
        yield RunFile()
        return
    file = open_run_file(folder, head, warn)
    try:
        file.start(head, part.earlier)
        yield file
    except Interrupted:
        file.end((), RunEnd(format_now(), app.stop.code))
        if file.path:
            report.print_line(f"--resume {file.path} does the rest", "cyan")
        raise
    finally:
        file.close()
