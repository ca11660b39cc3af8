#!/usr/bin/env python3
"""The playbook, as site.yml is: which group of the inventory gets which roles, in this order."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

try:
    from provision.cli.main import main
except ImportError as error:
    remedy = "run `make venv`, then `. .venv/bin/activate`"
    sys.stderr.write(f"site.py cannot start: {error}; {remedy}\n")
    raise SystemExit(3) from None

if TYPE_CHECKING:
    from provision.sites.site import Play


def load_plays() -> tuple[Play, ...]:
    """Import the roles and return the plays; `--help` does without them."""
    import roles.detection.role
    import roles.receiver.role
    from provision.sites.site import Play
    from roles import abuseipdb, enforcement, feed, page, rules, sharing, shield, watch, webhook
    from roles.alarms import role as alarms

    return (
        Play(
            "ban_hosts",
            (
                roles.detection.role,
                roles.receiver.role,
                rules,
                shield,
                sharing,
                alarms,
                abuseipdb,
                watch,
                page,
            ),
        ),
        Play("fortigates", (webhook, feed, enforcement)),
    )


if __name__ == "__main__":
    raise SystemExit(main(load_plays))
