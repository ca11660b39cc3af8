"""Runs that must keep to a plan that an operator has confirmed."""

from __future__ import annotations

from provision.results import Exit, SiteResult, TargetResult, exit_code
from tests.unit.engine.site_model import (
    World,
)

FILTER = "/etc/fail2ban/filter.d/banstitch.conf"


def find_target(result: SiteResult, host: str) -> TargetResult:
    return next(each for each in result.targets if each.host == host)


def list_sent(world: World) -> list[tuple[str, str]]:
    """What was changed, but for the records that a ban host keeps."""
    return [each for each in world.changes() if each[1] != "remember"]


def check_refused(result: SiteResult, host: str) -> TargetResult:
    found = find_target(result, host)
    assert found.state == "failed"
    assert f"{host} changed after its plan was made" in found.error
    assert found.new_plan is not None
    assert found.difference
    assert exit_code([result]) == Exit.FAILED
    return found
