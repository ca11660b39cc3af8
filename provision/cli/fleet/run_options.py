"""The options about run files and shards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from provision.cli.options import NamedPath, ParsedType
from provision.engine.fleet.shards import Shard, parse_shard

# The value of an option without one: the newest run file.
NEWEST = "newest"


@dataclass(frozen=True)
class RunOptions:
    """The folder of the run file, the earlier run that is taken up, and the shard of the sites."""

    run_dir: Path | None = None
    retry_failed: str | None = None
    resume: str | None = None
    shard: Shard | None = None

    @property
    def earlier(self) -> str | None:
        """The run file that is read, or NEWEST; None if there is none to read.

        Raises:
            UsageError: both options that read one were given.
        """
        if self.retry_failed is not None and self.resume is not None:
            raise click.UsageError("--retry-failed and --resume must not be used together")
        return self.resume if self.retry_failed is None else self.retry_failed


_OPTIONS = (
    click.option(
        "--run-dir", type=NamedPath(), metavar="DIR",
        help="Folder for run files. Default: banstitch-runs beside the folder of the inventory.",
    ),
    click.option(
        "--retry-failed", is_flag=False, flag_value=NEWEST, metavar="[RUN]",
        help="Only the sites that failed or were unreachable in the run file RUN. Default: the newest.",
    ),
    click.option(
        "--resume", is_flag=False, flag_value=NEWEST, metavar="[RUN]",
        help="Only the sites that the run file RUN leaves to do, in its waves. Default: the newest.",
    ),
    click.option(
        "--shard", type=ParsedType("shard", parse_shard), metavar="K/N",
        help="Only part K of N of the sites, so that N controllers share the work.",
    ),
)  # fmt: skip


def take_run_options(values: Mapping[str, Any]) -> RunOptions:
    """Return those of the ``values`` of a command line that are about run files and shards."""
    return RunOptions(
        **{name: values[name] for name in RunOptions.__annotations__ if name in values}
    )


def add_run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options about run files and shards, which become the argument ``runs``."""

    @wraps(command)
    def call(*arguments: Any, **values: Any) -> Any:
        runs = take_run_options(values)
        others = {name: x for name, x in values.items() if name not in RunOptions.__annotations__}
        return command(*arguments, runs=runs, **others)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call
