"""Load the templates of a page that people read.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import os

import jinja2
from banstitch_shared.visible import spell_hidden


def load_templates(module: str) -> jinja2.Environment:
    """Return the templates that lie beside the file of a module. In them no character is hidden."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.dirname(module)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )


def _finalize(value: object) -> object:
    # markup of ours is a class of its own
    return spell_hidden(value) if type(value) is str else value
