"""The verb that makes the CA of a group of sites that share bans."""

from __future__ import annotations

import re

import click

from provision.results import Exit

_GROUP = re.compile(r"[a-z][a-z0-9-]{0,29}")


@click.command("share-ca")
@click.argument("group")
def share_ca(group: str) -> Exit:
    """Print the variables of a new CA for GROUP. Encrypt them with ansible-vault."""
    from provision.desired.share_certificates import make_authority

    if not _GROUP.fullmatch(group):
        raise click.UsageError(
            f"{group} must be lower-case letters, digits and '-', 30 at most, and begin with a letter"
        )
    certificate, key = make_authority(group)
    click.echo(f"share_ca:\n  {group}:\n    certificate: |\n{_indent(certificate)}", nl=False)
    click.echo(f"    key: |\n{_indent(key)}", nl=False)
    return Exit.OK


def _indent(pem: str) -> str:
    return "".join(f"      {line}\n" for line in pem.splitlines())
