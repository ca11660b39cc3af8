"""Reports of bans to AbuseIPDB, which the service banstitch-watch of the role `watch` sends."""

from __future__ import annotations

import re
from typing import Annotated

from banstitch_shared.jails import bans_networks
from pydantic import Field, SecretStr, field_validator

from provision.desired.context import Context
from provision.desired.host_paths import LOOKED_UP, SPOOL, TRUSTED
from provision.linux.kinds.resource import Resource
from provision.sites.setting_types import Unquoted
from provision.sites.settings import RoleSettings
from roles.detection.catalogue import CATALOGUE
from roles.detection.role import Settings as DetectionSettings
from roles.detection.role import list_ignored, list_looked_up, list_rules
from roles.detection.rules import TRUSTED as TRUSTED_RULE
from roles.detection.rules import Rule
from roles.shield_settings import Settings as ShieldSettings

NAME = "abuseipdb"
PREFIX = "abuseipdb_"
# Categories of AbuseIPDB: https://www.abuseipdb.com/categories
_HACKING, _BRUTE_FORCE = 15, 18
# Their attempts arrive by UDP, whose sender may be forged: AbuseIPDB's policy forbids to report them.
_BY_UDP = ("ipsec_login_failed", "ipsec_psk_failed", "ipsec_identity_guess")


class Settings(RoleSettings):
    """The key of an account at AbuseIPDB, and its limit."""

    abuseipdb_key: Annotated[
        SecretStr | None,
        Field(description="API key of an account at AbuseIPDB; with it, new bans are reported"),
    ] = None
    abuseipdb_daily_limit: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="maximum number of reports of this site per day (UTC); a free account may send"
            " 1000 in all",
        ),
    ] = 1000

    @field_validator("abuseipdb_key")
    @classmethod
    def _check_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9]{20,200}", value.get_secret_value()):
            raise Unquoted("it must be an API key: 20 to 200 letters and digits")
        return value


def resources(_: Context) -> tuple[Resource, ...]:
    """Return nothing: the role `watch` deploys the service and its settings."""
    return ()


def is_on(context: Context) -> bool:
    """Return whether a site reports its bans."""
    return context.get_ban_host_settings(NAME, Settings).abuseipdb_key is not None


def describe_part(context: Context, way: dict[str, str]) -> dict[str, object] | None:
    """Return what banstitch-watch has to know; None if bans are not reported. ``way``: the way out."""
    if not is_on(context):
        return None
    own = context.get_ban_host_settings(NAME, Settings)
    rules = list_rules(context.get_settings("detection", DetectionSettings))
    shield = context.get_ban_host_settings("shield", ShieldSettings)
    never = {*list_ignored(context), *map(str, shield.shield_networks)}
    return {
        "spool": SPOOL,
        "jails": {rule.jail: _list_categories(rule) for rule in rules if _is_reported(rule)},
        "never": sorted({*never, *context.site.inventory_addresses}),
        "trusted": TRUSTED,
        "looked_up": LOOKED_UP if list_looked_up(context) else "",
        "limit": own.abuseipdb_daily_limit,
        **way,
    }


def list_secrets(context: Context) -> dict[str, str]:
    """Return the key, by the name that banstitch-watch knows."""
    key = context.get_ban_host_settings(NAME, Settings).abuseipdb_key
    return {"abuseipdb key": key.get_secret_value()} if key else {}


def _is_reported(rule: Rule) -> bool:
    """Return whether a rule bans single strangers: neither networks nor people who logged in before."""
    is_of_strangers = not bans_networks(rule.jail) and rule.name != TRUSTED_RULE
    return is_of_strangers and rule.detection not in _BY_UDP


def _list_categories(rule: Rule) -> list[int]:
    is_of_administrators = CATALOGUE[rule.detection].accounts == "administrators"
    return [_HACKING, _BRUTE_FORCE] if is_of_administrators else [_BRUTE_FORCE]
