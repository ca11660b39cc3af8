"""The command line: Ansible's letters, our verbs, and the exit codes that scripts rely on."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import click

from provision.cli.options import App
from provision.cli.report.json_document import write_json
from provision.cli.streams import shelter_streams, treat_hangup_as_interrupt
from provision.cli.verbs import VERBS
from provision.engine import parallel, progress
from provision.errors import BanstitchError, InputError
from provision.masking import Secrets, escape
from provision.results import Exit

if TYPE_CHECKING:
    from provision.sites.builder import Play


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Deploy, verify and remove the loop FortiGate -> webhook -> fail2ban -> threat feed."""


for verb in VERBS:
    cli.add_command(verb)


def _log(secrets: Secrets) -> None:
    """Send logs to standard error once the options ask for them (-vvv).

    They quote what a target has sent, so they are masked and what would steer a terminal is spelt out.
    What paramiko logs as an error is a traceback of its own thread; the error itself is raised as well.
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

    ``load_plays`` imports the roles. It is called by the verbs that need them, and not by `--help`.
    """
    with shelter_streams() as output, treat_hangup_as_interrupt():
        secrets = Secrets()
        _log(secrets)
        say = secrets.wrap_writer(lambda text: click.echo(escape(text), err=True))
        if output.closed:
            say("standard output is closed: nothing was done; redirect it to a file or /dev/null")
            return Exit.FAILED
        arguments = list(sys.argv[1:] if argv is None else argv)
        code = _run(App(load_plays, secrets, output), arguments, say)
        if output.error is None:
            return code
        if not isinstance(output.error, BrokenPipeError):
            why = output.error.strerror
            say(f"cannot write to standard output: {why}; write it elsewhere and run again")
        return Exit.FAILED


def _run(app: App, arguments: list[str], say: Callable[[str], object]) -> int:
    """Run the verb of ``arguments`` and return its exit code."""
    try:
        return int(cast(Exit, cli.main(arguments, obj=app, standalone_mode=False) or 0))
    except (InputError, click.ClickException) as error:
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        say(message)
        if "--json" in arguments:
            verb = next((word for word in arguments if word in cli.commands), "")
            write_json(sys.stdout.write, verb, Exit.USAGE, (), app.secrets)
        return Exit.USAGE
    except (parallel.Interrupted, KeyboardInterrupt, click.Abort):
        say("interrupted: run again for what was not begun")
        return Exit.INTERRUPTED
    except BanstitchError as error:
        say(str(error))
        return Exit.FAILED
    except Exception as error:  # noqa: BLE001 - no traceback reaches an operator unasked
        say(f"error in Banstitch: {type(error).__name__}: {error}; -vvv shows where")
        progress.log.debug("unexpected error", exc_info=error)
        return Exit.FAILED
