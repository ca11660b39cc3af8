"""The verb that hashes a password of a user of the page."""

from __future__ import annotations

import click

from provision.results import Exit

# Characters. What the page protects is worth more than a word.
SHORTEST = 12


@click.command(name="hash-password")
def hash_password() -> Exit:
    """Ask for a password and print its hash, for page_users."""
    from banstitch_shared.passwords import LONGEST, make_hash

    password = click.prompt(
        "Password (not shown)", hide_input=True, confirmation_prompt=True, err=True
    )
    if not SHORTEST <= len(password) <= LONGEST:
        raise click.UsageError(f"the password must have {SHORTEST} to {LONGEST} characters")
    click.echo(make_hash(password))
    return Exit.OK
