"""The plays of `site.py`, for tests that run a verb or ask roles."""

from __future__ import annotations

import runpy

from provision.sites.site import Play
from tests import PROJECT

PLAYS: tuple[Play, ...] = runpy.run_path(str(PROJECT / "site.py"))["load_plays"]()


def load_plays() -> tuple[Play, ...]:
    """Return the plays, as `site.py` gives them to the command line."""
    return PLAYS
