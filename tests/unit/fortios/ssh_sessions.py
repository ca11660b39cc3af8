"""Runs at a simulated FortiGate over SSH."""

from __future__ import annotations

from typing import Any

import pytest

from provision.fortios.config.desired import Desired
from provision.fortios.planning.planner import FortiPlan, plan, teardown
from provision.fortios.record.record import Record
from provision.fortios.session.fortigate import FortiGateSession
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.simulator import Simulator
from tests.unit.fortios.sample_cli import KEY, WANT

both_consoles = pytest.mark.parametrize("fortigate", ["more", "standard"], indirect=True)


def make_login(fortigate: Simulator, **changes: Any) -> Login:
    facts: dict[str, Any] = {
        "host": "fgt",
        "address": fortigate.address,
        "port": fortigate.port,
        "user": fortigate.options.user,
        "password": fortigate.options.password,
    }
    return Login(**{**facts, **changes})


def apply_over_ssh(
    fortigate: Simulator, access: Access, want: Desired = WANT, record: Record | None = None
) -> FortiPlan:
    record = record or Record()
    with FortiGateSession(make_login(fortigate), access) as session:
        made = plan(want, session.observe(want, record), record, key=KEY)
        session.apply(made)
    return made


def tear_down_over_ssh(fortigate: Simulator, access: Access, record: Record) -> FortiPlan:
    with FortiGateSession(make_login(fortigate), access) as session:
        made = teardown(session.observe(Desired(), record), record)
        session.apply(made)
    return made
