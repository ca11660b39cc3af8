"""The laws of planning for a ban host, tried on a model of one."""

from __future__ import annotations

import base64
import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from provision.linux.agent.protocol.observe import ServiceQuestion
from provision.linux.observation import assume_untouched, build_request
from provision.linux.planner import plan, with_python
from tests.unit.linux.linux_model import Host, drifts, let_drift
from tests.unit.linux.planner_model import (
    APP,
    CHANGEABLE,
    DESIRED,
    LOG,
    deploy,
    hosts,
    list_ids,
    list_steps,
    plan_desired,
)

ORDER = ("install", "user", "directory", "owe", "files", "service")


@given(hosts())
def test_what_was_applied_needs_no_second_apply(host: Host) -> None:
    again = plan_desired(deploy(host))
    assert (again.changes, again.steps) == ((), ())


@given(hosts())
def test_steps_come_in_the_order_in_which_they_are_needed(host: Host) -> None:
    words = [each["do"] for each in list_steps(plan_desired(host, adopt=True))]
    ranks = [ORDER.index(word) for word in words if word in ORDER]
    assert ranks == sorted(ranks)
    for made_before_files in ("touch", "tokens"):
        if made_before_files in words and "files" in words:
            assert words.index(made_before_files) < words.index("files")


@given(hosts())
def test_the_receiver_starts_after_fail2ban_holds_its_jails(host: Host) -> None:
    steps = list_steps(plan_desired(host, adopt=True))
    names = [step["name"] for step in steps if step["do"] in ("service", "jail")]
    assert names == ["fail2ban.service", "x", "x.service"]


@given(hosts(foreign=False), st.sets(st.sampled_from(drifts(DESIRED)), min_size=1))
@settings(max_examples=200)
def test_drift_is_found_mended_and_nothing_else_is_touched(host: Host, astray: set[str]) -> None:
    deploy(host)
    whole = host.things()
    for identity in astray:
        let_drift(host, identity)

    mending = plan_desired(host, adopt=True)
    touched = {change.id for change in mending.changes}
    host.carry_out(mending)

    assert astray <= touched
    assert touched - astray <= {"service:x.service", "service:fail2ban.service", "jail:x"}
    assert host.things() == whole
    assert plan_desired(host).steps == ()


@given(hosts())
def test_planning_changes_neither_what_it_is_given_nor_its_mind(host: Host) -> None:
    observed = host.observed(DESIRED)
    before = copy.deepcopy(observed)
    assert plan(DESIRED, observed, adopt=True) == plan(DESIRED, observed, adopt=True)
    assert observed == before


def test_a_host_without_python_is_planned_as_an_untouched_one() -> None:
    bare = assume_untouched(DESIRED)
    fresh = Host(facts={"sshd_jail_without_log": True}).observed(DESIRED)
    assert list_ids(plan(DESIRED, bare)) == list_ids(plan(DESIRED, fresh))
    first = with_python(plan(DESIRED, bare)).changes[0]
    assert (first.action, first.id) == ("install", "package:python3")


def test_the_request_names_everything_that_the_plan_looks_at() -> None:
    asked = build_request(DESIRED)
    assert set(CHANGEABLE) | {LOG, "/etc/x", "/var/log/x"} == set(asked.paths)
    assert asked.packages == ["fail2ban", "python3-flask"]
    assert (asked.users, asked.jails) == (["x"], ["x"])
    assert asked.tokens == "/etc/x/tokens.json"
    assert ServiceQuestion("x.service", "http://127.0.0.1/", "", "") in asked.services


def test_a_mode_is_shown_as_operators_write_it() -> None:
    host = deploy()
    host.paths[APP]["mode"] = 0o666
    assert "-mode 0666\n+mode 0644" in plan_desired(host).changes[0].diff


def test_a_file_that_is_no_text_is_shown_without_failing() -> None:
    host = deploy()
    host.paths[APP]["content"] = base64.b64encode(b"\xff\xfe\x00binary").decode()
    assert ("update", f"file:{APP}") in list_ids(plan_desired(host))


def test_no_token_is_in_a_plan() -> None:
    host = deploy()
    host.tokens = {"a": "s3cret-a", "old": "s3cret-old"}
    found = plan_desired(host)
    assert "s3cret" not in repr(found)
    assert "-old" in found.changes[0].diff
    assert "+b" in found.changes[0].diff
