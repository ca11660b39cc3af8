"""The options that choose where the work at sites runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from provision.cli.options import App, Flags, NamedPath
from provision.engine.fleet.executors.workers import THIS_PROCESS, Workers
from provision.errors import InputError, Problem

_OPTIONS = (
    click.option(
        "--executor", type=click.Choice(["threads", "processes", "dask"]),
        help="Where to run the work at sites. Default: threads of this process.",
    ),
    click.option(
        "--processes", type=click.IntRange(1, 256), metavar="N",
        help="Work in N processes. Default with --executor processes: one for each CPU.",
    ),
    click.option(
        "--scheduler", default="", metavar="tls://HOST:PORT", help="Scheduler of the Dask cluster."
    ),
    click.option(
        "--tls-ca", type=NamedPath(), metavar="FILE",
        help="Certificate of the CA of the Dask cluster. Default: Dask's configuration.",
    ),
    click.option(
        "--tls-cert", type=NamedPath(), metavar="FILE",
        help="Certificate of this machine for the Dask cluster. Default: Dask's configuration.",
    ),
    click.option(
        "--tls-key", type=NamedPath(), metavar="FILE",
        help="Key of that certificate. Default: Dask's configuration, or the certificate's file.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """The options as they were given."""

    executor: str | None
    processes: int | None
    scheduler: str
    tls_ca: Path | None
    tls_cert: Path | None
    tls_key: Path | None

    @property
    def chosen(self) -> str:
        """The executor, which --processes names as well."""
        return self.executor or ("processes" if self.processes else "threads")


def add_executor_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options, and open the workers that they choose for the time of the verb."""

    @wraps(command)
    def call(app: App, flags: Flags, **values: Any) -> Any:
        wish = Wish(**{name: values.pop(name) for name in Wish.__dataclass_fields__})
        with _open_workers(wish, flags) as workers:
            return command(replace(app, workers=workers), flags, **values)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call


@contextmanager
def _open_workers(wish: Wish, flags: Flags) -> Iterator[Workers]:
    """Yield the workers, and end them afterwards.

    Raises:
        UsageError, InputError: the options do not go together, or a cluster cannot be used.
    """
    _check_options(wish)
    if wish.chosen == "threads":
        yield THIS_PROCESS
        return
    _check_typed(wish, flags)
    workers = _create_workers(wish, flags)
    try:
        yield workers
    finally:
        workers.close()


def _create_workers(wish: Wish, flags: Flags) -> Workers:
    """Return the workers. Each kind imports what it needs."""
    if wish.chosen == "processes":
        from provision.engine.fleet.executors.processes import ProcessWorkers

        return ProcessWorkers(wish.processes or os.cpu_count() or 1, flags.forks)
    from provision.engine.fleet.executors.cluster import Certificates, open_cluster

    return open_cluster(wish.scheduler, Certificates(wish.tls_ca, wish.tls_cert, wish.tls_key))


def _check_options(wish: Wish) -> None:
    if wish.processes and wish.chosen != "processes":
        raise click.UsageError(f"--processes must not be used with --executor {wish.chosen}")
    if wish.chosen == "dask" and not wish.scheduler:
        raise click.UsageError("--executor dask needs --scheduler tls://HOST:PORT")
    given = [wish.scheduler, wish.tls_ca, wish.tls_cert, wish.tls_key]
    if any(given) and wish.chosen != "dask":
        raise click.UsageError("--scheduler and --tls-... need --executor dask")


def _check_typed(wish: Wish, flags: Flags) -> None:
    """Check that nothing must be typed: workers have no terminal.

    Raises:
        InputError: something must.
    """
    from provision.inventory.vault.passwords import VaultOptions, list_sources

    option = f"--executor {wish.chosen}"
    problems = []
    if flags.ask_token:
        problems.append(_refuse(f"--ask-token does not work with {option}", "use threads"))
    given = VaultOptions(flags.vault_ids, flags.vault_password_files, flags.ask_vault_pass)
    if any(source.prompt for source in list_sources(given, os.environ)):
        message = f"a vault password cannot be typed with {option}"
        problems.append(_refuse(message, "use --vault-password-file, or threads"))
    if flags.accept_new_host_keys and wish.chosen == "dask":
        message = f"--accept-new-host-keys does not work with {option}"
        remedy = "accept the keys with threads, and give known_hosts to all workers"
        problems.append(_refuse(message, remedy))
    if problems:
        raise InputError(problems)


def _refuse(message: str, remedy: str) -> Problem:
    return Problem("", 0, message, remedy)
