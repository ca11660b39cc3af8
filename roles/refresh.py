"""The quick refresh: an action with which an event makes the FortiGate fetch the feed.

Part of the role `webhook`. Sources: CLI references of 7.6.5 and 8.0.0 (`execute update-external-resource`),
KB 300795 (`cli-exec`). Which right the command needs in a stitch is not documented; an action that fails
does no harm, because the FortiGate polls the feed anyway.
"""

from __future__ import annotations

from collections.abc import Iterator

from provision.desired.context import Context
from provision.desired.templates import render
from provision.errors import InputError
from provision.fortios.config.desired import CliBlock
from provision.fortios.config.facts import find_capability
from provision.fortios.config.tables.table import MARKER
from roles import feed

ACTION = "banstitch_refresh"
# Seconds from an event to the fetch: an attacker is in the feed within 3.
DELAY = 5


def is_on(context: Context) -> bool:
    """Return whether events refresh the feed on this FortiGate.

    Raises:
        InputError: the inventory asks for that, and the FortiGate cannot do it.
    """
    settings, facts = context.get_settings("feed", feed.Settings), context.facts
    if settings.feed_refresh == "stitch":
        _check_possible(context, settings)
        return True
    is_safe = facts.has("feed_refresh_command") and not facts.vdoms and not facts.is_restricted
    return settings.feed_refresh == "auto" and is_safe


def _check_possible(context: Context, settings: feed.Settings) -> None:
    problem = ""
    if not context.facts.has("stitch_actions"):
        problem = f"FortiOS {context.facts.version_text} cannot delay an action of a stitch"
    elif context.facts.vdoms and settings.feed_scope == "vdom":
        problem = "with VDOMs, it needs feed_scope: global"
    if problem:
        message = f"feed_refresh stitch: {problem}"
        raise InputError([context.build_problem("feed_refresh", message, "set feed_refresh: poll")])


def render_blocks(context: Context) -> Iterator[CliBlock]:
    """Yield the access profile with which the action runs, and the action; nothing if it is off."""
    if not is_on(context):
        return
    settings = context.get_settings("feed", feed.Settings)
    for kind, template in (("profile", "webhook/profile.j2"), ("refresh", "webhook/refresh.j2")):
        text = render(
            template,
            name=ACTION,
            marker=MARKER,
            feed=feed.name_feed(context),
            interval=settings.feed_refresh_interval,
            fortigate=context.facts,
        )
        note = _note_unknown(context) if kind == "refresh" else ""
        yield CliBlock(f"webhook/{kind}_{ACTION}", text, note=note)


def _note_unknown(context: Context) -> str:
    capability = find_capability("feed_refresh_command")
    if context.facts.has(capability.name):
        return ""
    return f"feed_refresh stitch: FortiOS {context.facts.version_text}: {capability.without}"
