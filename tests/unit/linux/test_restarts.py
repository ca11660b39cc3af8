"""Check which services a plan restarts, and in which order."""

from __future__ import annotations

import base64
from dataclasses import replace

from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from provision.linux.kinds.tokens import Tokens
from provision.linux.removal import teardown
from tests.unit.linux.linux_model import file_state
from tests.unit.linux.planner_model import (
    APP,
    DESIRED,
    UNIT,
    deploy,
    find_step,
    list_ids,
    list_steps,
    plan_desired,
)


def test_a_restart_that_is_owed_is_made_although_nothing_differs() -> None:
    host = deploy()
    assert host.memory is not None
    host.memory["owed"] = {"x.service": "restart", "fail2ban.service": "reload"}

    found = plan_desired(host)

    assert list_ids(found) == [
        ("restart", "service:x.service"),
        ("reload", "service:fail2ban.service"),
    ]
    assert {change.reason for change in found.changes} == {"owed since an interrupted run"}


def test_a_changed_input_owes_its_service_before_the_first_file_changes() -> None:
    host = deploy()
    host.paths[APP]["content"] = base64.b64encode(b"old").decode()

    found = plan_desired(host)

    assert find_step(found, "owe")["services"] == {"x.service": "restart"}
    words = [each["do"] for each in list_steps(found)]
    assert words.index("owe") < words.index("files")


def test_secrets_are_closed_to_a_service_only_once_it_has_restarted() -> None:
    """The receiver of release 0.1 read them; it would turn events away from then on."""
    host = deploy()
    path = "/etc/x/tokens.json"
    closed = tuple(
        replace(each, mode=0o600, group="root") if isinstance(each, Tokens) else each
        for each in DESIRED
    )
    host.paths[APP]["content"] = base64.b64encode(b"old").decode()

    found = plan_desired(host, desired=closed)

    steps = [(each["do"], each.get("mode")) for each in list_steps(found)]
    restart = steps.index(("service", None))
    assert steps.index(("tokens", 0o640)) < restart < steps.index(("tokens", 0o600))
    host.carry_out(found)
    assert host.paths[path]["mode"] == 0o600
    assert plan_desired(host, desired=closed).changes == ()


DROP_IN = f"{UNIT}.d/filter.conf"
WITH_DROP_IN: tuple[Resource, ...] = tuple(
    replace(each, restart_on_update=(ResourceId("file", DROP_IN),))
    if isinstance(each, Service) and each.name == "x.service"
    else each
    for each in (Directory(f"{UNIT}.d"), File(DROP_IN, "[Service]\n"), *DESIRED)
)


def test_a_drop_in_that_is_new_restarts_nothing() -> None:
    found = plan_desired(deploy(), desired=WITH_DROP_IN)
    assert list_ids(found) == [("create", f"directory:{UNIT}.d"), ("create", f"file:{DROP_IN}")]


def test_a_drop_in_that_changes_or_goes_restarts_its_unit_and_stops_none() -> None:
    host = deploy()
    host.carry_out(plan_desired(host, desired=WITH_DROP_IN))
    host.paths[DROP_IN]["content"] = base64.b64encode(b"old").decode()
    changed = [("update", f"file:{DROP_IN}"), ("restart", "service:x.service")]
    assert list_ids(plan_desired(host, desired=WITH_DROP_IN)) == changed
    without = tuple(each for each in WITH_DROP_IN if getattr(each, "path", "") != DROP_IN)
    gone = [("delete", f"file:{DROP_IN}"), ("restart", "service:x.service")]
    assert list_ids(plan_desired(host, desired=without)) == gone
    assert ("stop", "service:filter.conf") not in list_ids(teardown(host.observed(())))


def test_a_service_that_runs_but_does_not_answer_is_restarted() -> None:
    host = deploy()
    host.services["x.service"]["answers"] = False
    (change,) = plan_desired(host).changes
    assert (change.action, change.reason) == ("restart", "it runs but does not answer")


def test_a_service_that_restarts_anyway_is_not_accused_of_being_silent() -> None:
    """Where https is switched to http, the service answers, but not yet as it is asked."""
    host = deploy()
    host.services["x.service"]["answers"] = False
    host.paths[UNIT] = file_state("[Unit]\n# of another release\n")
    found = plan_desired(host)
    restart = next(change for change in found.changes if change.action == "restart")
    assert (restart.id, restart.reason) == ("service:x.service", "")


def test_a_service_that_is_only_disabled_is_enabled_without_a_restart() -> None:
    host = deploy()
    host.services["x.service"]["enabled"] = False
    found = plan_desired(host)
    assert list_ids(found) == [("enable", "service:x.service")]
    assert find_step(found, "service")["verb"] == "none"


def test_a_jail_with_other_thresholds_is_loaded_anew_once() -> None:
    host = deploy()
    host.jails["x"]["max_retry"] = 9
    found = plan_desired(host)
    assert list_ids(found) == [("reload", "service:fail2ban.service"), ("update", "jail:x")]
    assert found.changes[-1].diff == "-max_retry 9\n+max_retry 3"
    assert find_step(found, "owe")["services"] == {"fail2ban.service": "reload"}
