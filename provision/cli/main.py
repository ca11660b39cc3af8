"""The command line: Ansible's options, our verbs, and exit codes that scripts can rely on."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provision.cli.options import App
from provision.cli.report.json_document import write_json
from provision.cli.report.outputs import Reports
from provision.cli.streams import shelter_streams, treat_signals_as_interrupt
from provision.cli.verbs import VERBS
from provision.engine import parallel, progress
from provision.errors import BanstitchError, InputError
from provision.masking import Secrets, escape
from provision.results import Exit

if TYPE_CHECKING:
    from provision.sites.site import Play


# New objects after which Python looks for garbage. Imports and the inventory make hundreds of thousands, and
# nearly all of them live until the end.
GARBAGE_AFTER = 200_000


class _Verbs(click.Group):
    """A group whose help lists the verbs as they are used, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        return list(self.commands)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Deploy, verify and remove the loop FortiGate -> webhook -> fail2ban -> threat feed.

    site.py VERB -h prints the options of a verb.
    """


for verb in VERBS:
    cli.add_command(verb)


def _set_up_logging(secrets: Secrets) -> None:
    """Send logs to standard error, which -vvv turns on.

    Logs quote what targets sent, so they are masked, and control characters are escaped. Errors that
    paramiko logs are tracebacks of its own threads; the same errors are raised as well.
    """

    class Masked(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return escape(secrets.mask(super().format(record)))

    handler = logging.StreamHandler()
    handler.setFormatter(Masked("%(name)s: %(message)s"))
    handler.addFilter(
        lambda record: record.name.partition(".")[0] != "paramiko" or record.levelno < logging.ERROR
    )
    logging.basicConfig(level=logging.CRITICAL + 1, handlers=[handler], force=True)


def main(load_plays: Callable[[], tuple[Play, ...]], argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; print one line for each error.

    ``load_plays`` imports the roles. Only the verbs that need roles call it, `--help` does not.
    """
    gc.set_threshold(GARBAGE_AFTER)
    _set_home()
    with shelter_streams() as output, treat_signals_as_interrupt() as stop:
        secrets = Secrets()
        _set_up_logging(secrets)
        print_error = secrets.wrap_writer(lambda text: click.echo(escape(text), err=True))
        if output.closed:
            print_error(
                "standard output is closed: nothing was done; redirect it to a file or /dev/null"
            )
            return Exit.FAILED
        arguments = list(sys.argv[1:] if argv is None else argv)
        app = App(load_plays, secrets, output, Reports(secrets), stop)
        code = _write_reports(app, _run(app, arguments, print_error), print_error)
        if output.error is None:
            return code
        if not isinstance(output.error, BrokenPipeError):
            reason = output.error.strerror
            print_error(
                f"cannot write to standard output: {reason}; write it elsewhere and run again"
            )
        return Exit.FAILED


def _set_home() -> None:
    """Let / be the home of a user who has none, as container engines do."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"


def _write_reports(app: App, code: Exit, print_error: Callable[[str], object]) -> Exit:
    """Write the reports of a run that ended with ``code``, and return the exit code."""
    try:
        app.reports.write(code)
    except BanstitchError as error:
        print_error(str(error))
        return Exit.FAILED
    return code


def _run(app: App, arguments: list[str], print_error: Callable[[str], object]) -> Exit:
    """Run the verb of ``arguments`` and return its exit code."""

    def fail(message: str, code: Exit) -> Exit:
        app.reports.note_error(message)
        print_error(message)
        return code

    try:
        return Exit(cli.main(arguments, obj=app, standalone_mode=False) or 0)
    except (InputError, click.ClickException) as error:
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        fail(message, Exit.USAGE)
        if "--json" in arguments:
            verb = next((word for word in arguments if word in cli.commands), "")
            write_json(sys.stdout.write, verb, Exit.USAGE, (), app.secrets)
        return Exit.USAGE
    except (parallel.Interrupted, KeyboardInterrupt, click.Abort):
        return fail("interrupted: run again to do the rest", app.stop.code)
    except BanstitchError as error:
        return fail(str(error), Exit.FAILED)
    except Exception as error:  # noqa: BLE001 - operators see a traceback only with -vvv
        progress.log.debug("unexpected error", exc_info=error)
        what = f"error in Banstitch: {type(error).__name__}: {error}"
        return fail(f"{what}; run with -vvv and report the traceback", Exit.FAILED)
