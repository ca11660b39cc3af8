"""Check what a teardown keeps, stops and reports."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.linux.draft import LinuxPlan
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.resource import Resource
from provision.linux.removal import teardown
from tests.unit.linux.linux_model import Host
from tests.unit.linux.planner_model import (
    APP,
    DESIRED,
    JAIL,
    LOG,
    RUNNING,
    deploy,
    hosts,
    list_steps,
    plan_desired,
)


@given(hosts())
def test_teardown_leaves_what_was_there_before(host: Host) -> None:
    before = host.things()
    deploy(host)

    host.carry_out(teardown(host.observed(DESIRED), purge_data=True))

    assert host.things() == before
    assert host.memory is None


@given(hosts())
def test_nothing_is_torn_down_twice(host: Host) -> None:
    deploy(host)
    host.carry_out(teardown(host.observed(DESIRED)))
    assert teardown(host.observed(DESIRED)) == LinuxPlan()


@given(hosts(foreign=False), st.sets(st.sampled_from(DESIRED[4:11])))
def test_what_the_inventory_no_longer_names_is_removed(host: Host, gone: set[Resource]) -> None:
    deploy(host)
    fewer = tuple(resource for resource in DESIRED if resource not in gone)

    found = plan_desired(host, desired=fewer)
    host.carry_out(found)

    removed = {change.id for change in found.changes if "no longer" in change.reason}
    assert removed == {str(resource.id) for resource in gone}
    assert plan_desired(host, desired=fewer).steps == ()


def test_teardown_keeps_data_and_packages_on_request() -> None:
    host = deploy()
    host.carry_out(teardown(host.observed(DESIRED), keep_packages=True))
    assert host.packages == {"fail2ban", "python3-flask"}
    assert {LOG, "/var/log/x"} <= set(host.paths)
    assert APP not in host.paths


def test_teardown_takes_directories_back_before_the_packages_that_they_may_lie_in() -> None:
    steps = list_steps(teardown(deploy().observed(DESIRED)))
    words = [each["do"] for each in steps]
    taken = [index for index, each in enumerate(steps) if "directory:/etc/x" in each.get("ids", ())]
    assert taken
    assert taken[0] < words.index("purge-packages")


def test_teardown_stops_our_service_before_its_files_go_and_restores_others_after() -> None:
    host = deploy(Host(packages={"fail2ban"}, services={"fail2ban.service": dict(RUNNING)}))
    words = [each["do"] for each in list_steps(teardown(host.observed(DESIRED)))]
    assert words.index("stop-service") < words.index("take-back")
    assert words.index("take-back") < words.index("put-back-service")
    assert words[-1] == "forget"


def with_bans(live: int | None) -> Host:
    """A host on which the jail y, with so many bans, is no longer asked for."""
    host = Host(bans={"x": 4, "y": live})
    with_y = File(JAIL, "[x]\nmaxretry = 3\n[y]\n")
    desired = tuple(with_y if isinstance(r, File) and r.path == JAIL else r for r in DESIRED)
    host.carry_out(plan_desired(host, adopt=True, desired=desired))
    return host


@pytest.mark.parametrize(
    ("live", "said"),
    [(2, "its 2 live bans end,"), (1, "its 1 live ban ends"), (None, "cannot be counted")],
)
def test_a_removed_jail_warns_of_the_number_of_bans_that_end(live: int | None, said: str) -> None:
    found = plan_desired(with_bans(live))
    assert ("jail:y", "stop") in [(change.id, change.action) for change in found.changes]
    (warning,) = found.warnings
    assert said in warning
    assert "jail y is removed" in warning


def test_a_removed_jail_without_bans_causes_no_warning() -> None:
    assert plan_desired(with_bans(0)).warnings == ()


def test_teardown_says_how_many_bans_end() -> None:
    (warning,) = teardown(with_bans(3).observed(DESIRED)).warnings
    assert "7 live bans end" in warning
    assert teardown(Host().observed(DESIRED)).warnings == ()


def test_a_teardown_says_what_stays_because_it_is_not_ours() -> None:
    host = deploy()
    folder = next(r.path for r in DESIRED if isinstance(r, Directory) and r.data)
    host.foreign = {
        folder: {"names": ["notes.txt", "old"], "more": False},
        "/var/lib/banstitch": {"names": ["x"], "more": True},
    }
    found = teardown(host.observed(DESIRED), purge_data=True)
    (change,) = [change for change in found.changes if change.id == f"directory:{folder}"]
    assert change.action == "empty"
    assert change.reason == "it stays, because it holds foreign files: notes.txt, old"
    assert (
        "/var/lib/banstitch stays, because it holds foreign files: x, and others" in found.warnings
    )
    kept = teardown(host.observed(DESIRED))
    assert f"directory:{folder}" not in [change.id for change in kept.changes]
