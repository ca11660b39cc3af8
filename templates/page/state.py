"""Keep the parts that pages are made from: settings, bans, sessions, and files of other services.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from banstitch_shared.allowances import Allowance, find_allowances, read_allowances
from banstitch_shared.jails import describe_jail
from banstitch_shared.times import format_age, format_span
from receiver.pages import load_templates

from page.access import Access
from page.bans import Bans
from page.figures import FigureSource
from page.settings import Settings
from page.store import Store
from page.texts import format_left, format_time

if TYPE_CHECKING:
    import jinja2
    from receiver.access import Peers
    from receiver.names import Names


class State:
    """The state of one worker."""

    # what the receiver's worker asks for: anybody may connect, and no name is resolved
    peers: Peers
    names: Names

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings.state)
        self.access = Access(settings, self.store)
        self.bans = Bans(settings.spool, settings.jails)
        self.audit = os.path.join(settings.logs, "audit.log")
        self.evidence = os.path.join(settings.logs, "evidence.log")
        self.figures = FigureSource(self.audit, os.path.join(settings.logs, "events.log"))
        self.templates = make_templates()

    def warm_up(self, now: float) -> None:
        """Do what would make the first visitor wait."""
        self.bans.list_live(now)
        for name in self.templates.list_templates(extensions=["html", "css"]):
            self.templates.get_template(name)

    def read_allowances(self, now: float) -> list[Allowance]:
        """Return the allowances in force; none where the file cannot be read."""
        try:
            return read_allowances(find_allowances(self.settings.spool), now)
        except (OSError, ValueError):
            return []


def make_templates() -> jinja2.Environment:
    """Return the templates, with the filters that they use."""
    environment = load_templates(__file__)
    environment.filters.update(
        age=format_age, left=format_left, span=format_span, moment=format_time, rule=describe_jail
    )
    return environment
