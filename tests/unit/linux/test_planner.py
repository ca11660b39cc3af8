"""The laws of planning for a ban host, tried on a model of one."""

from __future__ import annotations

import base64
import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provision.errors import Conflict
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.requests import ServiceQuestion
from provision.linux.agent.protocol.wire import to_json
from provision.linux.draft import LinuxPlan
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.jail import Jail
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from provision.linux.kinds.tokens import Tokens
from provision.linux.kinds.user import User
from provision.linux.observation import assume_untouched, build_request
from provision.linux.planner import plan, with_python
from provision.linux.removal import teardown
from tests.unit.linux.linux_model import Host, directory_state, drifts, file_state, let_drift

APP, JAIL, LOG = "/opt/x/app.py", "/etc/fail2ban/jail.d/x.conf", "/var/log/x/events.log"
UNIT = "/etc/systemd/system/x.service"
DESIRED: tuple[Resource, ...] = (
    Package("fail2ban"),
    Package("python3-flask"),
    File("/etc/fail2ban/jail.d/sshd.conf", "[sshd]", when="sshd_jail_without_log"),
    User("x"),
    Directory("/etc/x"),
    Directory("/var/log/x", 0o750, "x", "x", data=True),
    Tokens("/etc/x/tokens.json", ("a", "b"), 0o640, "root", "x"),
    File(LOG, None, 0o640, "x", "x"),
    File(JAIL, "[x]\nmaxretry = 3\n"),
    File(APP, "print('ü')\n", check="python"),
    File(UNIT, "[Unit]\n", check="systemd-unit"),
    Service(
        "x.service",
        restart_on=(ResourceId("file", APP), ResourceId("file", UNIT)),
        answers="http://127.0.0.1/",
    ),
    Service(
        "fail2ban.service", reload_on=(ResourceId("file", JAIL),), reload_command=("f2b", "reload")
    ),
    Jail("x", 3, 600, 3600),
)
CHANGEABLE = ("/etc/fail2ban/jail.d/sshd.conf", "/etc/x/tokens.json", JAIL, APP, UNIT)
ORDER = ("install", "user", "directory", "owe", "files", "service", "jail")

RUNNING = {"exists": True, "enabled": True, "active": True, "stale": False, "answers": True}
foreign_files = st.dictionaries(
    st.sampled_from(CHANGEABLE),
    st.builds(
        file_state,
        st.text(max_size=20),
        st.sampled_from([0o600, 0o644]),
        st.sampled_from(["root", "nobody"]),
    ),
)


@st.composite
def hosts(draw: st.DrawFn, foreign: bool = True) -> Host:
    """Hosts on which we never were, some with things of somebody else's in our way."""
    host = Host(facts={"sshd_jail_without_log": draw(st.booleans())})
    host.packages = draw(st.sets(st.sampled_from(["fail2ban", "python3-flask", "vim"])))
    if "fail2ban" in host.packages:
        host.services["fail2ban.service"] = draw(
            st.sampled_from([RUNNING, {**RUNNING, "active": False, "answers": False}])
        )
    if draw(st.booleans()):
        modes = st.sampled_from([0o755, 0o700] if foreign else [0o755])
        host.paths["/etc/x"] = directory_state(draw(modes))
    if foreign:
        host.users = draw(st.sets(st.sampled_from(["x", "root"])))
        host.paths.update(copy.deepcopy(draw(foreign_files)))
    return host


def deployed(host: Host | None = None) -> Host:
    host = host or Host()
    host.carry_out(planned(host, adopt=True))
    return host


def planned(host: Host, adopt: bool = False, desired: tuple[Resource, ...] = DESIRED) -> LinuxPlan:
    return plan(desired, host.observed(desired), adopt)


def ids(found: LinuxPlan) -> list[tuple[str, str]]:
    return [(change.action, change.id) for change in found.changes]


def steps(found: LinuxPlan) -> list[dict[str, Any]]:
    """The steps as they are sent."""
    sent: list[dict[str, Any]] = to_json(found.steps)
    return sent


def step(found: LinuxPlan, word: str) -> dict[str, Any]:
    (only,) = [each for each in steps(found) if each["do"] == word]
    return only


@given(hosts())
def test_what_was_applied_needs_no_second_apply(host: Host) -> None:
    again = planned(deployed(host))
    assert (again.changes, again.steps) == ((), ())


@given(hosts())
def test_teardown_leaves_what_was_there_before(host: Host) -> None:
    before = host.things()
    deployed(host)

    host.carry_out(teardown(host.observed(DESIRED), purge_data=True))

    assert host.things() == before
    assert host.memory is None


@given(hosts())
def test_nothing_is_torn_down_twice(host: Host) -> None:
    deployed(host)
    host.carry_out(teardown(host.observed(DESIRED)))
    assert teardown(host.observed(DESIRED)) == LinuxPlan()


@given(hosts())
def test_what_is_not_ours_is_changed_only_when_it_is_adopted(host: Host) -> None:
    in_the_way = [path for path in CHANGEABLE if path in host.paths]
    if not host.facts["sshd_jail_without_log"]:
        in_the_way = [path for path in in_the_way if not path.endswith("sshd.conf")]
    other_mode = host.paths.get("/etc/x", directory_state())["mode"] != 0o755
    if in_the_way or other_mode or "x" in host.users:
        with pytest.raises(Conflict) as conflict:
            planned(host)
        assert all(path in conflict.value.message for path in in_the_way)
        assert "--adopt" in conflict.value.remedy
        return
    files = [file for each in steps(planned(host)) for file in each.get("files", ())]
    assert not {file["path"] for file in files} & set(host.paths)


@given(hosts())
def test_steps_come_in_the_order_in_which_they_are_needed(host: Host) -> None:
    words = [each["do"] for each in steps(planned(host, adopt=True))]
    ranks = [ORDER.index(word) for word in words if word in ORDER]
    assert ranks == sorted(ranks)
    for made_before_files in ("touch", "tokens"):
        if made_before_files in words and "files" in words:
            assert words.index(made_before_files) < words.index("files")


@given(hosts(foreign=False), st.sets(st.sampled_from(drifts(DESIRED)), min_size=1))
@settings(max_examples=200)
def test_drift_is_found_mended_and_nothing_else_is_touched(host: Host, astray: set[str]) -> None:
    deployed(host)
    whole = host.things()
    for identity in astray:
        let_drift(host, identity)

    mending = planned(host, adopt=True)
    touched = {change.id for change in mending.changes}
    host.carry_out(mending)

    assert astray <= touched
    assert touched - astray <= {"service:x.service", "service:fail2ban.service", "jail:x"}
    assert host.things() == whole
    assert planned(host).steps == ()


@given(hosts())
def test_planning_changes_neither_what_it_is_given_nor_its_mind(host: Host) -> None:
    observed = host.observed(DESIRED)
    before = copy.deepcopy(observed)
    assert plan(DESIRED, observed, adopt=True) == plan(DESIRED, observed, adopt=True)
    assert observed == before


@given(hosts(foreign=False), st.sets(st.sampled_from(DESIRED[4:11])))
def test_what_the_inventory_no_longer_names_is_removed(host: Host, gone: set[Resource]) -> None:
    deployed(host)
    fewer = tuple(resource for resource in DESIRED if resource not in gone)

    found = planned(host, desired=fewer)
    host.carry_out(found)

    removed = {change.id for change in found.changes if "no longer" in change.reason}
    assert removed == {str(resource.id) for resource in gone}
    assert planned(host, desired=fewer).steps == ()


def test_a_host_without_python_is_planned_as_an_untouched_one() -> None:
    bare = assume_untouched(DESIRED)
    fresh = Host(facts={"sshd_jail_without_log": True}).observed(DESIRED)
    assert ids(plan(DESIRED, bare)) == ids(plan(DESIRED, fresh))
    first = with_python(plan(DESIRED, bare)).changes[0]
    assert (first.action, first.id) == ("install", "package:python3")


def test_the_request_names_everything_that_the_plan_looks_at() -> None:
    asked = build_request(DESIRED)
    assert set(CHANGEABLE) | {LOG, "/etc/x", "/var/log/x"} == set(asked.paths)
    assert asked.packages == ["fail2ban", "python3-flask"]
    assert (asked.users, asked.jails) == (["x"], ["x"])
    assert asked.tokens == "/etc/x/tokens.json"
    assert ServiceQuestion("x.service", "http://127.0.0.1/", "", "") in asked.services


def test_a_restart_that_is_owed_is_made_although_nothing_differs() -> None:
    host = deployed()
    assert host.memory is not None
    host.memory["owed"] = {"x.service": "restart", "fail2ban.service": "reload"}

    found = planned(host)

    assert ids(found) == [("restart", "service:x.service"), ("reload", "service:fail2ban.service")]
    assert {change.reason for change in found.changes} == {"owed since an interrupted run"}


def test_a_changed_input_owes_its_service_before_the_first_file_changes() -> None:
    host = deployed()
    host.paths[APP]["content"] = base64.b64encode(b"old").decode()

    found = planned(host)

    assert step(found, "owe")["services"] == {"x.service": "restart"}
    words = [each["do"] for each in steps(found)]
    assert words.index("owe") < words.index("files")


def test_secrets_are_closed_to_a_service_only_once_it_has_restarted() -> None:
    """The receiver of release 0.1 read them; it would turn events away from then on."""
    host = deployed()
    path = "/etc/x/tokens.json"
    closed = tuple(
        replace(each, mode=0o600, group="root") if isinstance(each, Tokens) else each
        for each in DESIRED
    )
    host.paths[APP]["content"] = base64.b64encode(b"old").decode()

    found = planned(host, desired=closed)

    order = [(each["do"], each.get("mode")) for each in steps(found)]
    restart = order.index(("service", None))
    assert order.index(("tokens", 0o640)) < restart < order.index(("tokens", 0o600))
    host.carry_out(found)
    assert host.paths[path]["mode"] == 0o600
    assert planned(host, desired=closed).changes == ()


DROP_IN = f"{UNIT}.d/filter.conf"
WITH_DROP_IN: tuple[Resource, ...] = tuple(
    replace(each, restart_on_update=(ResourceId("file", DROP_IN),))
    if isinstance(each, Service) and each.name == "x.service"
    else each
    for each in (Directory(f"{UNIT}.d"), File(DROP_IN, "[Service]\n"), *DESIRED)
)


def test_a_drop_in_that_is_new_restarts_nothing() -> None:
    found = planned(deployed(), desired=WITH_DROP_IN)
    assert ids(found) == [("create", f"directory:{UNIT}.d"), ("create", f"file:{DROP_IN}")]


def test_a_drop_in_that_changes_or_goes_restarts_its_unit_and_stops_none() -> None:
    host = deployed()
    host.carry_out(planned(host, desired=WITH_DROP_IN))
    host.paths[DROP_IN]["content"] = base64.b64encode(b"old").decode()
    changed = [("update", f"file:{DROP_IN}"), ("restart", "service:x.service")]
    assert ids(planned(host, desired=WITH_DROP_IN)) == changed
    without = tuple(each for each in WITH_DROP_IN if getattr(each, "path", "") != DROP_IN)
    gone = [("delete", f"file:{DROP_IN}"), ("restart", "service:x.service")]
    assert ids(planned(host, desired=without)) == gone
    assert ("stop", "service:filter.conf") not in ids(teardown(host.observed(())))


def test_a_service_that_runs_but_does_not_answer_is_restarted() -> None:
    host = deployed()
    host.services["x.service"]["answers"] = False
    (change,) = planned(host).changes
    assert (change.action, change.reason) == ("restart", "it runs but does not answer")


def test_a_service_that_restarts_anyway_is_not_accused_of_being_silent() -> None:
    """Where https is switched to http, the service answers, but not yet as it is asked."""
    host = deployed()
    host.services["x.service"]["answers"] = False
    host.paths[UNIT] = file_state("[Unit]\n# of another release\n")
    found = planned(host)
    restart = next(change for change in found.changes if change.action == "restart")
    assert (restart.id, restart.reason) == ("service:x.service", "")


def test_a_service_that_is_only_disabled_is_enabled_without_a_restart() -> None:
    host = deployed()
    host.services["x.service"]["enabled"] = False
    found = planned(host)
    assert ids(found) == [("enable", "service:x.service")]
    assert step(found, "service")["verb"] == "none"


def test_a_jail_with_other_thresholds_is_loaded_anew_once() -> None:
    host = deployed()
    host.jails["x"]["max_retry"] = 9
    found = planned(host)
    assert ids(found) == [("reload", "service:fail2ban.service"), ("update", "jail:x")]
    assert found.changes[-1].diff == "-max_retry 9\n+max_retry 3"
    assert step(found, "owe")["services"] == {"fail2ban.service": "reload"}


def test_a_mode_is_shown_as_operators_write_it() -> None:
    host = deployed()
    host.paths[APP]["mode"] = 0o666
    assert "-mode 0666\n+mode 0644" in planned(host).changes[0].diff


def test_a_file_that_is_no_text_is_shown_without_failing() -> None:
    host = deployed()
    host.paths[APP]["content"] = base64.b64encode(b"\xff\xfe\x00binary").decode()
    assert ("update", f"file:{APP}") in ids(planned(host))


@pytest.mark.parametrize("path", [APP, LOG, "/etc/x/tokens.json"])
@pytest.mark.parametrize("kind", ["link", "directory", "special"])
def test_what_is_no_file_is_never_adopted_as_one(kind: str, path: str) -> None:
    host = Host(paths={path: {**file_state(""), "type": kind, "content": None}})
    with pytest.raises(Conflict, match=kind):
        planned(host, adopt=True)


def test_a_file_where_a_directory_should_be_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="not a directory"):
        planned(Host(paths={"/etc/x": file_state("")}), adopt=True)


def test_a_file_too_large_to_keep_a_copy_of_is_never_adopted() -> None:
    """The agent sends no content of it, so nothing could be restored at teardown."""
    host = Host(paths={APP: {**file_state(""), "content": None}})
    with pytest.raises(Conflict, match=f"{APP} is too large"):
        planned(host, adopt=True)


def test_a_log_of_any_size_is_kept_and_used() -> None:
    host = deployed()
    host.paths[LOG]["content"] = None
    assert planned(host).changes == ()


def test_all_conflicts_are_named_at_once() -> None:
    host = Host(paths={APP: file_state("a"), JAIL: file_state("b")})
    with pytest.raises(Conflict) as error:
        planned(host)
    assert APP in error.value.message
    assert JAIL in error.value.message


def test_an_overwrite_names_what_was_seen_so_that_a_later_change_is_not_lost() -> None:
    host = Host(paths={APP: file_state("theirs")})
    files = {file["path"]: file for file in step(planned(host, adopt=True), "files")["files"]}
    assert len(files[APP]["seen"]) == 64
    assert files[JAIL]["seen"] == ""


def test_no_token_is_in_a_plan() -> None:
    host = deployed()
    host.tokens = {"a": "s3cret-a", "old": "s3cret-old"}
    found = planned(host)
    assert "s3cret" not in repr(found)
    assert "-old" in found.changes[0].diff
    assert "+b" in found.changes[0].diff


def test_teardown_keeps_data_and_packages_where_it_is_told_to() -> None:
    host = deployed()
    host.carry_out(teardown(host.observed(DESIRED), keep_packages=True))
    assert host.packages == {"fail2ban", "python3-flask"}
    assert {LOG, "/var/log/x"} <= set(host.paths)
    assert APP not in host.paths


def test_teardown_stops_our_service_before_its_files_go_and_restores_others_after() -> None:
    host = deployed(Host(packages={"fail2ban"}, services={"fail2ban.service": dict(RUNNING)}))
    words = [each["do"] for each in steps(teardown(host.observed(DESIRED)))]
    assert words.index("stop-service") < words.index("take-back")
    assert words.index("take-back") < words.index("put-back-service")
    assert words[-1] == "forget"


def with_bans(live: int | None) -> Host:
    """A host on which the jail y, with so many bans, is no longer asked for."""
    host = Host(bans={"x": 4, "y": live})
    with_y = File(JAIL, "[x]\nmaxretry = 3\n[y]\n")
    desired = tuple(with_y if isinstance(r, File) and r.path == JAIL else r for r in DESIRED)
    host.carry_out(planned(host, adopt=True, desired=desired))
    return host


@pytest.mark.parametrize(
    ("live", "said"),
    [(2, "its 2 live bans end with it"), (1, "its 1 live ban ends"), (None, "cannot be counted")],
)
def test_a_jail_that_goes_says_how_many_bans_end_with_it(live: int | None, said: str) -> None:
    found = planned(with_bans(live))
    assert ("jail:y", "stop") in [(change.id, change.action) for change in found.changes]
    (warning,) = found.warnings
    assert said in warning
    assert "jail y goes" in warning


def test_a_jail_that_goes_without_bans_is_no_reason_to_warn() -> None:
    assert planned(with_bans(0)).warnings == ()


def test_teardown_says_how_many_bans_end() -> None:
    (warning,) = teardown(with_bans(3).observed(DESIRED)).warnings
    assert "7 live bans end" in warning
    assert teardown(Host().observed(DESIRED)).warnings == ()


def test_a_teardown_says_what_stays_because_it_is_not_ours() -> None:
    host = deployed()
    folder = next(r.path for r in DESIRED if isinstance(r, Directory) and r.data)
    host.foreign = {
        folder: {"names": ["notes.txt", "old"], "more": False},
        "/var/lib/banstitch": {"names": ["x"], "more": True},
    }
    found = teardown(host.observed(DESIRED), purge_data=True)
    (change,) = [change for change in found.changes if change.id == f"directory:{folder}"]
    assert change.action == "empty"
    assert change.reason == "it stays, since it holds what is not ours: notes.txt, old"
    assert (
        "/var/lib/banstitch stays, since it holds what is not ours: x, and others" in found.warnings
    )
    kept = teardown(host.observed(DESIRED))
    assert f"directory:{folder}" not in [change.id for change in kept.changes]
