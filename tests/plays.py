"""The plays of `site.py`, for tests that run a verb or ask roles."""

import roles.detection.role
import roles.receiver.role
from provision.sites.builder import Play
from roles import enforcement, feed, rules, shield, webhook

PLAYS = (
    Play("ban_hosts", (roles.detection.role, roles.receiver.role, rules, shield)),
    Play("fortigates", (webhook, feed, enforcement)),
)


def load_plays() -> tuple[Play, ...]:
    """Return the plays, as `site.py` gives them to the command line."""
    return PLAYS
