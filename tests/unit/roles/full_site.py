"""A site on which every part is on, also those that are off by default."""

from __future__ import annotations

from dataclasses import replace

import roles.detection.role
from provision.desired.share_certificates import make_authority
from provision.sites.settings import Peer
from provision.sites.site import Site
from roles import abuseipdb, enforcement, page, sharing
from roles.alarms import role as alarms
from tests.unit.roles.sample_site import sample_site

HASH = f"scrypt:32768:8:1$0123456789abcdef01234567${'0f' * 64}"


def full_site() -> Site:
    """Return the sample site with all services on its ban host, and all methods on its FortiGates."""
    certificate, key = make_authority("north")
    authority = {"north": {"certificate": certificate, "key": key}}
    site = sample_site(
        {
            "detection": roles.detection.role.Settings.model_validate(
                {
                    "detection_asn_database": "/var/lib/GeoIP/asn.mmdb",
                    "detection_ignore": ["office.example.com"],
                }
            ),
            "alarms": alarms.Settings.model_validate(
                {
                    "alarms_syslog": "tls://log.example.com:6514",
                    "alarms_quiet": "22:00-06:00 Europe/Berlin",
                }
            ),
            "abuseipdb": abuseipdb.Settings.model_validate({"abuseipdb_key": "0123456789" * 8}),
            "page": page.Settings.model_validate(
                {
                    "page": "on",
                    "page_users": [{"name": "anna", "role": "support", "password": HASH}],
                }
            ),
            "sharing": sharing.Settings.model_validate(
                {"share_bans": ["north"], "share_ca": authority}
            ),
        },
        {
            "enforcement": enforcement.Settings.model_validate(
                {
                    "enforcement": ["ssl_vpn", "local_in", "policy"],
                    "enforcement_ipv6": True,
                    "enforcement_local_in_interfaces": ["wan1"],
                    "enforcement_policy_source_interfaces": ["wan1"],
                    "enforcement_policy_destination_interfaces": ["any"],
                    "enforcement_existing_sessions": "clear",
                }
            )
        },
    )
    peers = (Peer("ban1", "192.0.2.10", 5443), Peer("ban2", "192.0.2.20", 5443))
    return replace(site, peers={"north": peers})
