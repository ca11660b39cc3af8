"""The webhook on a FortiGate: one action, and a trigger and a stitch for each detection."""

from __future__ import annotations

from provision.fortios.desired import CliBlock
from provision.rendering import render
from provision.roles import MARKER, Context, host_part
from provision.settings import RoleSettings
from roles import detection, receiver

PREFIX = "webhook_"
ACTION = "banstitch_webhook"


class Settings(RoleSettings):
    """Nothing to set so far: the ban host's receiver_ and detection_ settings decide."""


def blocks(context: Context) -> tuple[CliBlock, ...]:
    """Action, triggers, stitches: the order in which they refer to one another."""
    action = render(
        "webhook/action.j2",
        action=ACTION,
        marker=MARKER,
        uri=f"{host_part(receiver.address(context))}/receive-logs",
        port=receiver.port(context),
        token=context.token(f"webhook:{context.host.name}"),
    )
    detections = detection.enabled(context.of_ban_host("detection", detection.Settings))
    return (
        CliBlock(f"webhook/{ACTION}", action),
        *(_block("trigger", each) for each in detections),
        *(_block("stitch", each) for each in detections),
    )


def _block(kind: str, each: detection.Enabled) -> CliBlock:
    name = f"banstitch_{each.name}"
    description = f"{MARKER}: {each.description}"
    text = render(
        f"webhook/{kind}.j2",
        name=name,
        description=description,
        action=ACTION,
        log_ids=each.log_ids,
    )
    return CliBlock(f"webhook/{kind}_{name}", text)
