"""A site with a ban host and two FortiGates, for tests of roles and templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import roles.detection.role
import roles.receiver.role
from provision.desired.context import Context
from provision.sites.settings import RoleSettings
from provision.sites.site import BanHost, FortiGate, Site
from provision.ssh.login import Login
from tests.unit.roles.sample_ca import CA

TOKENS = {
    "webhook:fw1": 'webhook "1" \\ secret',
    "webhook:fw2": "webhook-2-secret",
    "feed:fw1": "feed-1-secret",
    "feed:fw2": "feed-2-secret",
    "verify": "verify-secret",
}


def sample_site(
    ban_host: Mapping[str, RoleSettings] | None = None,
    fortigate: Mapping[str, RoleSettings] | None = None,
    address: str = "192.0.2.10",
) -> Site:
    units = [("fw1", "192.0.2.1"), ("fw2", "fw2.example.net")]
    return Site(
        "ban1",
        BanHost("ban1", Login("ban1", address, "root"), ban_host or {}),
        tuple(FortiGate(n, Login(n, a, "admin"), fortigate or {}) for n, a in units),
    )


def ban_host_settings(**settings: Any) -> dict[str, RoleSettings]:
    """Return the settings of the roles ``detection`` and ``receiver``, by their prefixes."""
    return {
        "detection": roles.detection.role.Settings.model_validate(
            {k: v for k, v in settings.items() if k.startswith("detection_")}
        ),
        "receiver": roles.receiver.role.Settings.model_validate(
            {k: v for k, v in settings.items() if k.startswith("receiver_")}
        ),
    }


def linux(site: Site) -> Context:
    return Context(site, site.ban_host)


def fortios(site: Site, tokens: Mapping[str, str] = TOKENS) -> Context:
    return Context(site, site.fortigates[0], tokens, ca=CA)
