"""Check the conditions that a ban host must meet before it is changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from banstitch_shared.shield_file import Shield, describe_shield

from provision.errors import Failed
from provision.linux.agent.protocol.state import Observed
from provision.linux.draft import Draft
from provision.linux.kinds.service import Service

# Seconds between the clocks of the ban host and of the operator's machine.
NOTICED = 120
REFUSED = 3600


def check_system(observed: Observed) -> None:
    """Check that the host can be a ban host at all.

    Raises:
        Failed: it has no systemd or no apt.
    """
    facts = observed.facts
    needed = {"systemd": facts.systemd, "apt": facts.apt}
    lacking = [name for name, is_there in needed.items() if not is_there]
    if lacking:
        system = facts.system or "an unknown system"
        raise Failed(
            f"this host ({system}) does not run {' and '.join(lacking)}",
            "a ban host must be a Debian (11 or later), booted with systemd",
        )


def check_clock(observed: Observed, now: float | None, draft: Draft) -> None:
    """Compare the clock of the host with ``now``, the time here; None if the clock is unknown.

    Raises:
        Failed: they are so far apart that certificates and bans would be wrong.
    """
    clock = observed.clock
    if now is None or abs(clock - now) < NOTICED:
        return
    apart = f"the clock of this host is {_span(abs(clock - now))} {'ahead' if clock > now else 'behind'}"
    remedy = "set it (or the one here), for example with `timedatectl set-ntp true`"
    if abs(clock - now) >= REFUSED:
        why = "certificates would not be valid and bans would end at the wrong time"
        raise Failed(f"{apart}: {why}", f"{remedy}, then run again")
    draft.warnings.append(f"{apart}: {remedy}")


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    hours, days = minutes // 60, minutes // 1440
    if days > 1:
        return f"{days} days"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def check_ports(services: Iterable[Service], draft: Draft) -> None:
    """Check that no other program listens at the address of a socket of ours.

    Raises:
        Failed: one does; the message names it.
    """
    for service in services:
        holder = draft.observed.services[service.name].taken_by
        if holder:
            raise Failed(
                f"{service.listens} is taken by {holder}",
                "stop that program for good, or set receiver_port or page_port to a free port",
            )


def note_shield(draft: Draft) -> None:
    """Return a warning while the shield is up, or would be."""
    if draft.observed.shield is not None:
        draft.warnings.append(describe_shield(Shield(**asdict(draft.observed.shield))))


def note_lock(draft: Draft) -> None:
    """Warn that the installation of packages will have to wait."""
    lock = draft.observed.package_lock
    if lock and draft.packages:
        draft.warnings.append(f"{lock}; apply waits until it is free, for 10 minutes at most")
