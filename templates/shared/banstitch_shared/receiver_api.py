"""The paths that the receiver serves, and the header that holds the token of a post.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

TOKEN_HEADER = "X-Banstitch-Token"  # noqa: S105 - a name, no secret
EVENTS_PATH = "/receive-logs"
# All bans; those of one family are below it.
FEED_PATH = "/blocked-ips"
# Errors and losses; and whether the service works at all.
HEALTH_PATH = "/healthz"
LIVE_PATH = HEALTH_PATH + "/live"
METRICS_PATH = "/metrics"
STATUS_PATH = "/status"
