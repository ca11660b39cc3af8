"""Events at a site whose webhook and feed go by https."""

from __future__ import annotations

from tests.e2e.labsite import LabSite
from tests.e2e.site_helpers import ATTACKER, EVENT

FOLDER = "/etc/banstitch/tls"


def log_event(site: LabSite) -> list[int]:
    """Log a failed login, and return the statuses of its webhooks; 0 means no answer."""
    found = site.units[0].log_event(EVENT.format(address=ATTACKER, user="x"))
    return [delivery.status for delivery in found]
