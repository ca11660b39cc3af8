"""The webhook on a FortiGate: one action, and a trigger and a stitch for each kind of event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from banstitch_shared.receiver_api import EVENTS_PATH, TOKEN_HEADER
from banstitch_shared.tokens import name_webhook_token
from pydantic import Field

import roles.detection.role
import roles.refresh
from provision.desired.context import Context, format_url_host
from provision.desired.templates import render
from provision.errors import InputError
from provision.fortios.config.desired import CliBlock
from provision.fortios.config.facts import find_capability
from provision.fortios.config.tables.table import MARKER
from provision.inventory.variables import Where
from provision.sites.settings import RoleSettings
from roles.detection import own_limits
from roles.detection.triggers import Trigger, list_triggers
from roles.receiver.role import (
    find_receiver_address,
    find_receiver_port,
    is_receiver_secure,
    read_authority,
)

NAME = "webhook"
PREFIX = "webhook_"
ACTION = "banstitch_webhook"
CA = "banstitch_ca"
# The fields that decide come first, on a line of their own that holds nothing typed by a person. The
# receiver parses this line in lines.py.
_HEADER = ("logid", "devid", "remip", "srcip", "ui", "status", "reason")
BODY = f"banstitch {' '.join(f'{name}=%%log.{name}%%' for name in _HEADER)}\n%%log%%"


class Settings(RoleSettings):
    """The FortiGate's side of the webhook; receiver_ and detection_ settings decide the rest."""

    webhook_verify_certificate: Annotated[
        bool,
        Field(
            description=(
                "check the receiver's certificate before posting events; otherwise anyone on the "
                "network path can read the token"
            )
        ),
    ] = True


def blocks(context: Context) -> tuple[CliBlock, ...]:
    """Return the CA, the action, triggers and stitches, in the order of their references."""
    action = render(
        "webhook/action.j2",
        action=ACTION,
        marker=MARKER,
        body=BODY,
        uri=f"{format_url_host(find_receiver_address(context))}{EVENTS_PATH}",
        port=find_receiver_port(context),
        header=TOKEN_HEADER,
        token=context.get_token(name_webhook_token(context.host.name)),
        secure=is_receiver_secure(context),
        verify=context.get_settings("webhook", Settings).webhook_verify_certificate,
        fortigate=context.facts,
    )
    limits = _limit_to_vdoms(context)
    detections = roles.detection.role.list_enabled(
        context.get_ban_host_settings("detection", roles.detection.role.Settings)
    )
    refresh_blocks = tuple(roles.refresh.render_blocks(context))
    triggers = [trigger for each in detections for trigger in list_triggers(context, each.events)]
    return (
        *_render_ca(context),
        CliBlock(f"webhook/{ACTION}", action, note=_list_notes(context)),
        *refresh_blocks,
        *(_render("trigger", trigger, context, limits) for trigger in triggers),
        *(_render("stitch", each, context, refresh=bool(refresh_blocks)) for each in triggers),
    )


def list_settings_to_read(context: Context) -> tuple[str, ...]:
    """Return the FortiGate's own settings that may keep events from being reported."""
    return own_limits.list_paths(context)


def review(context: Context, shown: own_limits.Shown) -> Iterator[str]:
    """Yield warnings about these settings."""
    return own_limits.review(context, shown)


def vdoms(context: Context) -> tuple[str, ...]:
    """Return the VDOMs that the inventory names for triggers, for use without a connection."""
    return tuple(
        context.get_ban_host_settings("detection", roles.detection.role.Settings).detection_vdoms
    )


def _limit_to_vdoms(context: Context) -> tuple[str, ...]:
    """Return those of ``detection_vdoms`` that this FortiGate has; () for all.

    Raises:
        InputError: the FortiGate has none of them, so none of its events would count.
    """
    names = vdoms(context)
    if not names or not context.facts.vdoms:
        return ()
    existing = tuple(name for name in names if name in context.facts.vdom_names)
    if not existing:
        message = (
            f"{context.host.name} has no VDOM {' or '.join(names)}; "
            f"it has {', '.join(context.facts.vdom_names) or 'none'}"
        )
        remedy = f"name one of its VDOMs in detection_vdoms of {context.site.ban_host.name}"
        raise InputError([Where(context.host.name).problem(message, remedy)])
    return existing if context.facts.has("trigger_vdom") else ()


def _note_vdoms(context: Context) -> str:
    """Return a note on ``detection_vdoms`` that do not exist here, or that this version cannot filter by."""
    names = vdoms(context)
    if not names or not context.facts.vdoms:
        return ""
    if not context.facts.has("trigger_vdom"):
        without = find_capability("trigger_vdom").without
        return f"detection_vdoms: FortiOS {context.facts.version_text}: {without}"
    missing = [name for name in names if name not in context.facts.vdom_names]
    return f"detection_vdoms: there is no VDOM {', '.join(missing)} here" if missing else ""


def _render_ca(context: Context) -> Iterator[CliBlock]:
    """Yield the receiver's CA, unless FortiGates already know it.

    With VDOMs, CAs that all VDOMs can use have a table of their own (FortiOS CLI reference,
    `config certificate ca` and `config vpn certificate ca`).
    """
    certificate = read_authority(context)
    if not certificate:
        return
    table = "certificate ca" if context.facts.vdoms else "vpn certificate ca"
    text = render("webhook/ca.j2", table=table, name=CA, certificate=certificate)
    without = (
        f"the receiver's CA, {CA}, is left out, so a FortiGate that checks the receiver's "
        "certificate sends no events; see receiver_tls"
    )
    yield CliBlock(f"webhook/{CA}", text, without=without)


def _list_notes(context: Context) -> str:
    return "; ".join(filter(None, (_note_unchecked(context), _note_vdoms(context))))


def _note_unchecked(context: Context) -> str:
    """Return a note if nothing checks the receiver's certificate."""
    if not is_receiver_secure(context):
        return ""
    if context.facts.has("verify_host_cert"):
        is_checked = context.get_settings("webhook", Settings).webhook_verify_certificate
        warning = (
            "webhook_verify_certificate is false: anyone on the network path can read the token"
        )
        return "" if is_checked else warning
    without = find_capability("verify_host_cert").without
    return f"FortiOS {context.facts.version_text}: events are sent encrypted, but {without}"


def _render(
    kind: str,
    trigger: Trigger,
    context: Context,
    vdoms: tuple[str, ...] = (),
    refresh: bool = False,
) -> CliBlock:
    text = render(
        f"webhook/{kind}.j2",
        name=trigger.name,
        description=f"{MARKER}: {trigger.description}",
        action=ACTION,
        log_ids=trigger.log_ids,
        conditions=trigger.conditions,
        vdoms=vdoms,
        refresh=roles.refresh.ACTION if refresh and trigger.may_ban else "",
        delay=roles.refresh.DELAY,
        fortigate=context.facts,
    )
    return CliBlock(
        f"webhook/{kind}_{trigger.name}",
        text,
        note=trigger.note,
        without=trigger.without,
        needs=trigger.needs,
        needs_use=bool(trigger.needs) and not context.facts.has("ssl_vpn_tunnel"),
    )
