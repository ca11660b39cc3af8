"""Settings of shared bans, and what the receiver and banstitch-watch have to know about them."""

from __future__ import annotations

from typing import Annotated

from banstitch_shared.addresses import is_address
from banstitch_shared.shared_bans import MOST
from pydantic import Field, SecretStr, field_validator

from provision.desired.context import Context
from provision.desired.host_paths import SHARE, SHARED_DENIED, TRUSTED, WATCH_MEMORY
from provision.errors import InputError, Problem
from provision.linux.agent.protocol.ids import ResourceId
from provision.sites.setting_types import Duration, Expected
from provision.sites.settings import Peer, RoleSettings, Strict
from roles.receiver import tls
from roles.shield_settings import Settings as ShieldSettings

NAME = "sharing"
# Sites of which one fetches the bans: each is a thread of banstitch-watch.
_MOST_PEERS = 60


GroupName = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9-]{0,29}$"),
    Expected("a name of lower-case letters, digits and '-', of at most 30, with a letter first"),
]


class Authority(Strict):
    """The CA of a group, as the verb `share-ca` prints it."""

    certificate: str
    key: SecretStr


class Settings(RoleSettings):
    """The groups of a site, and the limits of what its peers may ban here."""

    share_bans: Annotated[
        tuple[GroupName, ...],
        Field(
            description="groups of sites with which this site shares bans; use the same names at each site"
        ),
    ] = ()
    share_ca: Annotated[
        dict[str, Authority],
        Field(
            description="the CA of each group, as `share-ca GROUP` prints it; put it into a vault"
        ),
    ] = {}  # noqa: RUF012 - pydantic copies it
    share_listen: Annotated[
        str,
        Field(description="address to listen on for peers; empty: receiver_listen"),
    ] = ""
    share_port: Annotated[
        int,
        Field(
            ge=1024,
            le=65535,
            description="TCP port for peers; they need a certificate of the group",
        ),
    ] = 5443
    share_address: Annotated[
        str,
        Field(
            description="address or name at which peers reach this site; empty: receiver_address"
        ),
    ] = ""
    share_ban_time: Annotated[
        Duration,
        Field(
            description="longest time for which a ban of a peer counts here, from the start of the ban"
        ),
    ] = 86400
    share_limit: Annotated[
        int,
        Field(
            ge=1,
            le=MOST,
            description="maximum number of bans to take from one peer; the latest are taken",
        ),
    ] = 20_000
    share_minimum_sites: Annotated[
        int,
        Field(
            ge=1,
            le=_MOST_PEERS,
            description="number of peers that must have banned an address before it is denied here",
        ),
    ] = 1

    @field_validator("share_listen")
    @classmethod
    def _check_listen(cls, value: str) -> str:
        if value and not is_address(value):
            raise ValueError("it must be an address")
        return value

    @field_validator("share_address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        return tls.check_host(value)


def list_groups(context: Context) -> tuple[str, ...]:
    """Return the groups with which a site shares bans."""
    return tuple(dict.fromkeys(context.get_ban_host_settings(NAME, Settings).share_bans))


def list_peers(context: Context) -> list[tuple[str, Peer]]:
    """Return the other sites of each group.

    Raises:
        InputError: they are too many.
    """
    found = [
        (group, peer)
        for group in list_groups(context)
        for peer in context.site.peers.get(group, ())
        if peer.name != context.site.name
    ]
    if len(found) > _MOST_PEERS:
        message = f"share_bans: the groups of a site must have at most {_MOST_PEERS} other sites"
        raise InputError(
            [build_problem(context, "share_bans", message, "make smaller groups, such as regions")]
        )
    return found


def find_certificate(group: str) -> str:
    """Return the path of the site's key and certificate for a group."""
    return f"{SHARE}/{group}.pem"


def find_authority(group: str) -> str:
    """Return the path of the certificate of a group's CA."""
    return f"{SHARE}/{group}-ca.pem"


def list_files(context: Context) -> tuple[ResourceId, ...]:
    """Return the ids of the certificates."""
    return tuple(
        each
        for group in list_groups(context)
        for each in (
            ResourceId("certificate", find_certificate(group)),
            ResourceId("file", find_authority(group)),
        )
    )


def describe_receiver(context: Context) -> dict[str, object]:
    """Return what the receiver has to know; empty if bans are not shared."""
    groups, own = list_groups(context), context.get_ban_host_settings(NAME, Settings)
    if not groups:
        return {}
    return {
        "share": {
            "groups": list_sites(context),
            "folder": WATCH_MEMORY,
            "denied": SHARED_DENIED,
            "never": _list_hosts(context),
            "trusted": TRUSTED,
            "limit": own.share_limit,
            "ban_time": own.share_ban_time,
            "minimum_sites": own.share_minimum_sites,
        }
    }


def list_sites(context: Context) -> dict[str, list[str]]:
    """Return {group: names of its other sites}."""
    peers = list_peers(context)
    return {
        group: [peer.name for named, peer in peers if named == group]
        for group in list_groups(context)
    }


def list_peer_addresses(context: Context) -> list[str]:
    """Return the addresses at which peers are reached, without those known by name only."""
    return sorted({peer.address for _, peer in list_peers(context) if is_address(peer.address)})


def _list_hosts(context: Context) -> list[str]:
    """Return the addresses that no peer can ban: of hosts of the inventory, of peers, of the shield."""
    spared = map(str, context.get_ban_host_settings("shield", ShieldSettings).shield_networks)
    return sorted({*context.site.inventory_addresses, *list_peer_addresses(context), *spared})


def describe_watch(context: Context) -> list[dict[str, object]]:
    """Return the peers that banstitch-watch asks."""
    return [
        {
            "group": group,
            "site": peer.name,
            "host": peer.address,
            "port": peer.port,
            "certificate": find_certificate(group),
            "ca": find_authority(group),
        }
        for group, peer in list_peers(context)
    ]


def build_problem(
    context: Context, setting: str, message: str, remedy: str, *others: str
) -> Problem:
    """Return a problem of the ban host's ``setting``, at its line of the inventory."""
    own = Context(context.site, context.site.ban_host)
    return own.build_problem(setting, message, remedy, *others)
