"""Name the secrets of a ban host, and write their digests.

A FortiGate has two secrets, one to post events and one to fetch the feed. During a rotation, NAME and
NAME#old are both valid.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

# Secrets that belong to no FortiGate: the login of the status page, and the self-test's token.
STATUS = "status"
VERIFY = "verify"
# The end of the name of a secret that was replaced and that a rotation still needs.
OLD = "#old"


def name_webhook_token(fortigate: str) -> str:
    """Return the name of the secret with which a FortiGate posts events."""
    return "webhook:" + fortigate


def name_feed_token(fortigate: str) -> str:
    """Return the name of the secret with which a FortiGate fetches the feed."""
    return "feed:" + fortigate


def name_old(name: str) -> str:
    """Return the name that a secret has once it was replaced."""
    return name + OLD


def make_digest(secret: str) -> str:
    """Return the digest of a secret; one that a client presents may be any text."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def format_digests(secrets: Mapping[str, str]) -> str:
    """Return the content of the file of digests."""
    digests = {name: make_digest(secret) for name, secret in secrets.items()}
    return json.dumps(digests, indent=1, sort_keys=True) + "\n"
