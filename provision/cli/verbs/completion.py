"""The verb that prints the script with which a shell completes the command line."""

from __future__ import annotations

import click

from provision.results import Exit

# The name under which the shell finds the program, and the variable by which click knows what is asked.
_PROGRAM = "site.py"
_VARIABLE = "_SITE_PY_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="bash|zsh|fish")
def completion(shell: str) -> Exit:
    """Print a script that completes verbs and options."""
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root()
    complete = get_completion_class(shell)
    if complete is None:
        raise click.UsageError(f"{shell} must be a shell that click knows")
    click.echo(complete(root.command, {}, _PROGRAM, _VARIABLE).source())
    return Exit.OK
