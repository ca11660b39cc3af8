"""Check that a host without Python is changed only as its plan foretold."""

from __future__ import annotations

import json
import time

from provision.linux.session.session import NoPython
from tests.unit.engine.approved_plans import FILTER, check_refused
from tests.unit.engine.site_model import (
    BAN_HOST,
    FW1,
    FW2,
    World,
    apply,
    error,
    job,
    plan,
    states,
)
from tests.unit.linux.linux_model import file_state


def make_bare_world(world: World, sshd_jail_without_log: bool = False) -> None:
    world.faults[(BAN_HOST, "observe")] = NoPython("no python3", sshd_jail_without_log)


def test_packages_that_came_with_python_drop_out_of_the_plan(world: World) -> None:
    make_bare_world(world)
    work = job("apply")
    approved = plan(work)
    assert json.loads(approved.targets[0].steps[0]) == {"do": "python3"}

    def bring(host: str, what: str) -> None:
        if what == "install python":
            world.host.packages |= {"openssl", "fail2ban"}

    world.meddle = bring
    result = apply(work, approved)

    assert states(result) == {BAN_HOST: "changed", FW1: "changed", FW2: "changed"}


def test_a_bare_host_that_is_not_empty_is_left_with_python_and_nothing_else(world: World) -> None:
    make_bare_world(world)
    work = job("apply", adopt=True)
    approved = plan(work)
    world.host.paths[FILTER] = file_state("theirs")

    result = apply(work, approved)

    assert "python3 was installed and nothing else was changed" in error(result, BAN_HOST)
    assert "theirs" in check_refused(result, BAN_HOST).difference
    assert world.host.paths == {FILTER: file_state("theirs")}
    assert world.host.memory is None


def test_a_bare_host_is_changed_without_a_look_of_its_own(world: World) -> None:
    """The agent looks before it changes anything, and compares that with what the plan assumes."""
    make_bare_world(world)
    approved = plan(job("apply"))
    world.log.clear()
    apply(job("apply"), approved)
    asked = [what for host, what in world.log if host == BAN_HOST]
    assert asked[:3] == ["connect", "install python", "apply"]


def test_a_bare_host_with_a_wrong_clock_is_refused_before_it_gets_python(world: World) -> None:
    world.faults[(BAN_HOST, "observe")] = NoPython("no python3", clock=time.time() + 7300)
    target = plan(job("apply")).targets[0]
    assert target.state == "failed"
    assert "the clock of this host is 2 h 2 min ahead" in target.error


def test_the_expected_changes_of_a_bare_host_are_part_of_its_plan(world: World) -> None:
    """fail2ban does not start on a Debian 12 without a log of sshd: a file mends that."""
    make_bare_world(world, sshd_jail_without_log=True)
    approved = plan(job("apply"))
    world.host.facts["sshd_jail_without_log"] = True
    assert states(apply(job("apply"), approved))[BAN_HOST] == "changed"
