"""The webhook on a FortiGate: one action, and a trigger and a stitch for each detection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from banstitch_shared.receiver_api import EVENTS_PATH, TOKEN_HEADER
from banstitch_shared.tokens import name_webhook_token
from pydantic import Field

import roles.detection.role
from provision.desired.context import Context, format_url_host
from provision.desired.templates import render
from provision.errors import InputError
from provision.fortios.config.desired import CliBlock
from provision.fortios.config.facts import find_capability
from provision.fortios.config.tables.table import MARKER
from provision.inventory.variables import Where
from provision.sites.settings import RoleSettings
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
LONGEST_NAME = 35  # of a trigger and of a stitch
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
        token=context.token(name_webhook_token(context.host.name)),
        secure=is_receiver_secure(context),
        verify=context.own("webhook", Settings).webhook_verify_certificate,
        fortigate=context.facts,
    )
    limits = _limit_to_vdoms(context)
    detections = roles.detection.role.list_enabled(
        context.of_ban_host("detection", roles.detection.role.Settings)
    )
    triggers = [t for detection in detections for t in _list_triggers(context, detection)]
    return (
        *_render_ca(context),
        CliBlock(f"webhook/{ACTION}", action, note=_list_notes(context)),
        *(_render("trigger", trigger, context, limits) for trigger in triggers),
        *(_render("stitch", trigger, context) for trigger in triggers),
    )


def vdoms(context: Context) -> tuple[str, ...]:
    """Return the VDOMs that the inventory names for triggers, for use without a connection."""
    return tuple(context.of_ban_host("detection", roles.detection.role.Settings).detection_vdoms)


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
        is_checked = context.own("webhook", Settings).webhook_verify_certificate
        warning = (
            "webhook_verify_certificate is false: anyone on the network path can read the token"
        )
        return "" if is_checked else warning
    without = find_capability("verify_host_cert").without
    return f"FortiOS {context.facts.version_text}: events are sent encrypted, but {without}"


@dataclass(frozen=True)
class _Trigger:
    """A trigger and the stitch of the same name."""

    name: str
    description: str
    log_ids: tuple[int, ...]
    conditions: tuple[tuple[str, str], ...] = ()
    note: str = ""


def _list_triggers(context: Context, enabled: roles.detection.role.Enabled) -> tuple[_Trigger, ...]:
    """Return one trigger for a detection, or one for each log id where a trigger takes only one."""
    # only the receiver checks a condition with several patterns: FortiOS has no "or" between fields
    conditions = tuple(
        (name, patterns[0]) for name, patterns in enabled.where.items() if len(patterns) == 1
    )
    name = f"banstitch_{enabled.name}"
    trigger = _Trigger(name, enabled.description, enabled.log_ids, conditions)
    if len(enabled.log_ids) == 1 or context.facts.has("several_log_ids"):
        return (trigger,)
    without = find_capability("several_log_ids").without
    note = f"FortiOS {context.facts.version_text}: detection {enabled.name} gets {without}"
    return tuple(replace(_take_log_id(trigger, log_id), note=note) for log_id in enabled.log_ids)


def _take_log_id(trigger: _Trigger, log_id: int) -> _Trigger:
    ending = f"_{log_id}"
    name = trigger.name[: LONGEST_NAME - len(ending)] + ending
    return replace(trigger, name=name, log_ids=(log_id,))


def _render(
    kind: str, trigger: _Trigger, context: Context, vdoms: tuple[str, ...] = ()
) -> CliBlock:
    text = render(
        f"webhook/{kind}.j2",
        name=trigger.name,
        description=f"{MARKER}: {trigger.description}",
        action=ACTION,
        log_ids=trigger.log_ids,
        conditions=trigger.conditions,
        vdoms=vdoms,
        fortigate=context.facts,
    )
    return CliBlock(f"webhook/{kind}_{trigger.name}", text, note=trigger.note)
