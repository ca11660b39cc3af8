"""The settings of the role `enforcement`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from provision.sites.setting_types import InterfaceName, ServiceName, VdomName
from roles.address_families import FamilySettings

# The methods, in the order in which `auto` tries them.
METHODS = ("ssl_vpn", "local_in", "policy")
# The default of enforcement_local_in_services.
ALL = ("ALL",)

Method = Literal["auto", "ssl_vpn", "local_in", "policy", "none"]
Interfaces = tuple[InterfaceName, ...]


def _wrap_in_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Settings(FamilySettings):
    """Method of the enforcement, and the VDOM and interfaces that it applies to."""

    enforcement: Annotated[
        tuple[Method, ...],
        BeforeValidator(_wrap_in_tuple),
        Field(
            min_length=1,
            description=(
                "ssl_vpn: deny in the SSL VPN settings; local_in: by a local-in policy; "
                "policy: by a firewall policy; none: only fetch the feed; "
                "auto: use the first of these that suits the FortiGate"
            ),
        ),
    ] = ("auto",)
    enforcement_vdom: Annotated[
        VdomName, Field(description="with VDOMs: the VDOM in which the feed takes effect")
    ] = "root"
    enforcement_local_in_interfaces: Annotated[
        Interfaces,
        Field(
            description=(
                "interfaces or zones on which local_in denies, or any; empty: on a FortiGate without SSL "
                "VPN, auto takes those of its dial-up IPsec tunnels"
            )
        ),
    ] = ()
    enforcement_local_in_services: Annotated[
        tuple[ServiceName, ...],
        Field(
            min_length=1,
            description=(
                "services that local_in denies; ALL also covers a VPN on a port of its own; if auto takes "
                "the interfaces of IPsec tunnels, ALL means only the ports of the VPN"
            ),
        ),
    ] = ALL
    enforcement_policy_source_interfaces: Annotated[
        Interfaces, Field(description="source interfaces of the traffic that policy denies, or any")
    ] = ()
    enforcement_policy_destination_interfaces: Annotated[
        Interfaces,
        Field(description="destination interfaces of the traffic that policy denies, or any"),
    ] = ()
    enforcement_existing_sessions: Annotated[
        Literal["keep", "clear"],
        Field(
            description=(
                "open sessions of a newly denied address: keep them, or make the FortiGate check "
                "them again (firewall-session-dirty check-all)"
            )
        ),
    ] = "keep"

    @field_validator("enforcement")
    @classmethod
    def _check_alone(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in ("auto", "none"):
            if word in value and len(set(value)) > 1:
                raise ValueError(f"{word} must be the only method; remove the others")
        return tuple(dict.fromkeys(value))
