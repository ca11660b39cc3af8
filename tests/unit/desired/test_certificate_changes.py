"""Check in which order the CA and the certificate of a receiver are renewed."""

from __future__ import annotations

import pytest

from provision.linux import planner
from provision.linux.draft import LinuxPlan
from provision.linux.kinds.certificate import Authority, Certificate
from provision.linux.kinds.file import File
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from tests.unit.desired.receiver_certificate import CA_PATH, PATH, RECEIVER
from tests.unit.linux.linux_model import Host


def make_desired(names: tuple[str, ...] = RECEIVER) -> tuple[Resource, ...]:
    return Authority(CA_PATH, names), Certificate(PATH, names, CA_PATH)


def plan_change(host: Host, resources: tuple[Resource, ...]) -> LinuxPlan:
    return planner.plan(resources, host.observed(resources))


@pytest.fixture
def deployed() -> Host:
    host = Host()
    host.carry_out(plan_change(host, make_desired()))
    assert plan_change(host, make_desired()).changes == ()
    return host


def test_a_ca_that_may_sign_for_any_name_gets_a_new_certificate_by_one_change(
    deployed: Host,
) -> None:
    deployed.certificates[CA_PATH]["permits"] = []
    plan = plan_change(deployed, make_desired())
    (change,) = plan.changes
    assert (change.action, change.id) == ("update", f"authority:{CA_PATH}")
    assert change.reason == "it may sign for any name; the key stays"
    assert change.diff.splitlines() == [f"+{name}" for name in RECEIVER]
    deployed.carry_out(plan)
    assert plan_change(deployed, make_desired()).changes == ()


def test_the_constraints_follow_the_names_of_the_receiver(deployed: Host) -> None:
    other = make_desired(("192.0.2.20", *RECEIVER[1:]))
    plan = plan_change(deployed, other)
    assert [change.id for change in plan.changes] == [
        f"authority:{CA_PATH}",
        f"certificate:{PATH}",
    ]
    assert plan.changes[0].reason == (
        "it may sign for 127.0.0.1, 192.0.2.10, ::1, ban.example.net, localhost; the key stays"
    )
    deployed.carry_out(plan)
    assert plan_change(deployed, other).changes == ()


def test_a_certificate_for_other_names_comes_last_on_the_host(deployed: Host) -> None:
    """From then on a FortiGate refuses it until it has the new certificate of the CA."""
    other = (
        *make_desired((*RECEIVER, "192.0.2.20")),
        File("/etc/x/file", "new\n"),
        Service("x.service"),
    )
    done = [step.do for step in plan_change(deployed, other).steps]
    assert done == ["authority", "owe", "files", "service", "certificate"]


def test_a_first_certificate_is_there_before_the_services_start() -> None:
    resources = (*make_desired(), Service("x.service"))
    host = Host()
    steps = plan_change(host, resources).steps
    assert [step.do for step in steps] == ["authority", "certificate", "owe", "service"]
    host.carry_out(plan_change(host, resources))
    host.certificates[PATH] |= {"sound": False, "names": ["other"]}
    assert [step.do for step in plan_change(host, resources).steps] == ["certificate"]
