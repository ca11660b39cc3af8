"""The webhook on a FortiGate: one action, and a trigger and a stitch for each detection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from provision.desired.context import Context, host_part
from provision.desired.templates import render
from provision.errors import InputError
from provision.fortios.config.desired import CliBlock
from provision.fortios.config.owned import MARKER
from provision.fortios.config.versions import find_capability
from provision.inventory.variables import Where
from provision.sites.settings import RoleSettings
from roles import detection, receiver

PREFIX = "webhook_"
ACTION = "banstitch_webhook"
AUTHORITY = "banstitch_ca"
LONGEST_NAME = 35  # of a trigger and of a stitch
# The fields that decide come first, on a line of their own: nobody types what stands there. The
# receiver reads this form in lines.py.
_HEADER = ("logid", "devid", "remip", "srcip", "ui", "status", "reason")
BODY = f"banstitch {' '.join(f'{name}=%%log.{name}%%' for name in _HEADER)}\n%%log%%"


class Settings(RoleSettings):
    """How a FortiGate posts; the ban host's receiver_ and detection_ settings decide the rest."""

    webhook_verify_certificate: Annotated[
        bool,
        Field(
            description=(
                "check the receiver's certificate before events are posted; without it, whoever is on "
                "the way can read the token"
            )
        ),
    ] = True


def blocks(context: Context) -> tuple[CliBlock, ...]:
    """The CA, the action, triggers, stitches: the order in which they refer to one another."""
    action = render(
        "webhook/action.j2",
        action=ACTION,
        marker=MARKER,
        body=BODY,
        uri=f"{host_part(receiver.address(context))}/receive-logs",
        port=receiver.port(context),
        token=context.token(f"webhook:{context.host.name}"),
        secure=receiver.is_secure(context),
        verify=context.own("webhook", Settings).webhook_verify_certificate,
        fortigate=context.unit,
    )
    limited = _vdoms(context)
    detections = detection.enabled(context.of_ban_host("detection", detection.Settings))
    triggers = [trigger for each in detections for trigger in _triggers(context, each)]
    return (
        *_authority(context),
        CliBlock(f"webhook/{ACTION}", action, note=_notes(context)),
        *(_block("trigger", each, context, limited) for each in triggers),
        *(_block("stitch", each, context) for each in triggers),
    )


def vdoms(context: Context) -> tuple[str, ...]:
    """Return the VDOMs that the inventory names for triggers, for a FortiGate that nobody asks."""
    return tuple(context.of_ban_host("detection", detection.Settings).detection_vdoms)


def _vdoms(context: Context) -> tuple[str, ...]:
    """Return those of ``detection_vdoms`` that this FortiGate has; () for all.

    Raises:
        InputError: it has none of them, so none of its events would count.
    """
    asked = vdoms(context)
    if not asked or not context.unit.vdoms:
        return ()
    here = tuple(each for each in asked if each in context.unit.vdom_names)
    if not here:
        what = (
            f"{context.host.name} has no VDOM {' or '.join(asked)}; "
            f"it has {', '.join(context.unit.vdom_names) or 'none'}"
        )
        instead = f"name one of its VDOMs in detection_vdoms of {context.site.ban_host.name}"
        raise InputError([Where(context.host.name).problem(what, instead)])
    return here if context.unit.has("trigger_vdom") else ()


def _events_of(context: Context) -> str:
    """Return a note on VDOMs of ``detection_vdoms`` that are not here, or that cannot be told apart."""
    asked = vdoms(context)
    if not asked or not context.unit.vdoms:
        return ""
    if not context.unit.has("trigger_vdom"):
        without = find_capability("trigger_vdom").without
        return f"detection_vdoms: FortiOS {context.unit.version_text}: {without}"
    gone = [each for each in asked if each not in context.unit.vdom_names]
    return f"detection_vdoms: there is no VDOM {', '.join(gone)} here" if gone else ""


def _authority(context: Context) -> tuple[CliBlock, ...]:
    """The CA of the receiver, where FortiGates do not know it by themselves.

    A unit with VDOMs has a table of its own for CAs that all of them may use (FortiOS CLI reference,
    `config certificate ca` and `config vpn certificate ca`).
    """
    certificate = receiver.authority(context)
    if not certificate:
        return ()
    table = "certificate ca" if context.unit.vdoms else "vpn certificate ca"
    text = render("webhook/ca.j2", table=table, name=AUTHORITY, certificate=certificate)
    without = (
        f"the receiver's CA, {AUTHORITY}, is left out, so a unit that checks the receiver's "
        "certificate sends no events; see receiver_tls"
    )
    return (CliBlock(f"webhook/{AUTHORITY}", text, without=without),)


def _notes(context: Context) -> str:
    return "; ".join(filter(None, (_unchecked(context), _events_of(context))))


def _unchecked(context: Context) -> str:
    if not receiver.is_secure(context):
        return ""
    if context.unit.has("verify_host_cert"):
        verified = context.own("webhook", Settings).webhook_verify_certificate
        said = "webhook_verify_certificate is false: whoever is on the way can read the token"
        return "" if verified else said
    without = find_capability("verify_host_cert").without
    return f"FortiOS {context.unit.version_text}: events are sent encrypted, but {without}"


@dataclass(frozen=True)
class _Trigger:
    """A trigger and the stitch of the same name."""

    name: str
    description: str
    log_ids: tuple[int, ...]
    conditions: tuple[tuple[str, str], ...] = ()
    note: str = ""


def _triggers(context: Context, each: detection.Enabled) -> tuple[_Trigger, ...]:
    """One for a detection, or one for each of its log ids where a trigger takes only one."""
    # a condition with several patterns is the receiver's alone: FortiOS has no "or" between fields
    asked = tuple((name, fits[0]) for name, fits in each.where.items() if len(fits) == 1)
    whole = _Trigger(f"banstitch_{each.name}", each.description, each.log_ids, asked)
    if len(each.log_ids) == 1 or context.unit.has("several_log_ids"):
        return (whole,)
    without = find_capability("several_log_ids").without
    note = f"FortiOS {context.unit.version_text}: detection {each.name} gets {without}"
    return tuple(replace(_of_one_id(whole, log_id), note=note) for log_id in each.log_ids)


def _of_one_id(whole: _Trigger, log_id: int) -> _Trigger:
    ending = f"_{log_id}"
    name = whole.name[: LONGEST_NAME - len(ending)] + ending
    return replace(whole, name=name, log_ids=(log_id,))


def _block(kind: str, each: _Trigger, context: Context, vdoms: tuple[str, ...] = ()) -> CliBlock:
    text = render(
        f"webhook/{kind}.j2",
        name=each.name,
        description=f"{MARKER}: {each.description}",
        action=ACTION,
        log_ids=each.log_ids,
        conditions=each.conditions,
        vdoms=vdoms,
        fortigate=context.unit,
    )
    return CliBlock(f"webhook/{kind}_{each.name}", text, note=each.note)
