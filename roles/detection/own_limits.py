"""Warn if a FortiGate's own limits keep events from being reported.

Sources: FortiOS CLI reference, `config vpn ssl settings`, `config system global`, `config automation
setting`. It is not documented whether attempts of a locked-out address are logged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from provision.desired.context import Context
from provision.errors import spell_count
from provision.sites.setting_types import spell_duration
from roles.detection.role import Enabled, Settings, list_enabled

SSL_VPN, GLOBAL, AUTOMATION = "vpn ssl settings", "system global", "automation setting"
# Detection to the settings that limit it: path, attempts, seconds.
_LOCKOUTS = {
    "sslvpn_login_failed": (SSL_VPN, "login-attempt-limit", "login-block-time"),
    "admin_login_failed": (GLOBAL, "admin-lockout-threshold", "admin-lockout-duration"),
}
# Attributes that are not expected to be changed, and what may follow.
_AUTOMATION = {
    "secure-mode": "its effect is not documented",
    "max-concurrent-stitches": "in a burst, events that exceed it may be lost",
}
_AUTOMATION_DEFAULTS = {"secure-mode": "disable", "max-concurrent-stitches": "512"}

Shown = Mapping[str, Mapping[str, str]]


def list_paths(context: Context) -> tuple[str, ...]:
    """Return the paths of the settings that limit the enabled detections."""
    detections = list_enabled(context.get_ban_host_settings("detection", Settings))
    limiting = (_LOCKOUTS[each.name][0] for each in detections if each.name in _LOCKOUTS)
    return (*dict.fromkeys(limiting), AUTOMATION)


def review(context: Context, shown: Shown) -> Iterator[str]:
    """Yield warnings about settings that were shown."""
    for detection in list_enabled(context.get_ban_host_settings("detection", Settings)):
        path, limit, seconds = _LOCKOUTS.get(detection.name, ("", "", ""))
        if path in shown:
            yield from _warn_of_lockout(detection, path, shown[path], limit, seconds)
    for name, effect in _AUTOMATION.items():
        value = shown.get(AUTOMATION, {}).get(name, "")
        if value and value != _AUTOMATION_DEFAULTS[name]:
            what = f"'config {AUTOMATION}' has {name} {value}: {effect}"
            yield f"{what}; run verify to see whether events arrive"


def _warn_of_lockout(
    detection: Enabled, path: str, attributes: Mapping[str, str], limit: str, seconds: str
) -> Iterator[str]:
    """Warn if lockouts keep an address from failing as often as the threshold requires."""
    words = attributes.get(limit, "0"), attributes.get(seconds, "0")
    attempts, locked = (int(word) if word.isdigit() else 0 for word in words)
    if not attempts or not locked:
        return
    most = attempts * math.ceil(detection.find_time / locked)
    if most < detection.max_retry:
        yield (
            f"{detection.name}: {spell_count(detection.max_retry, 'event')} within "
            f"{spell_duration(detection.find_time)} may never be reported, since '{path}' has "
            f"{limit} {attempts} and {seconds} {locked}; shorten {seconds}, or set "
            f"detection_settings.{detection.name}.max_retry to {most} or less"
        )
