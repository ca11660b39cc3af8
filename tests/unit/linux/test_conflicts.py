"""Check which foreign files are conflicts, and which are adopted."""

from __future__ import annotations

import pytest
from hypothesis import given

from provision.errors import Conflict
from tests.unit.linux.linux_model import Host, directory_state, file_state
from tests.unit.linux.planner_model import (
    APP,
    CHANGEABLE,
    JAIL,
    LOG,
    deploy,
    find_step,
    hosts,
    list_steps,
    plan_desired,
)


@given(hosts())
def test_what_is_not_ours_is_changed_only_when_it_is_adopted(host: Host) -> None:
    in_the_way = [path for path in CHANGEABLE if path in host.paths]
    if not host.facts["sshd_jail_without_log"]:
        in_the_way = [path for path in in_the_way if not path.endswith("sshd.conf")]
    other_mode = host.paths.get("/etc/x", directory_state())["mode"] != 0o755
    if in_the_way or other_mode or "x" in host.users:
        with pytest.raises(Conflict) as conflict:
            plan_desired(host)
        assert all(path in conflict.value.message for path in in_the_way)
        assert "--adopt" in conflict.value.remedy
        return
    files = [file for each in list_steps(plan_desired(host)) for file in each.get("files", ())]
    assert not {file["path"] for file in files} & set(host.paths)


@pytest.mark.parametrize("path", [APP, LOG, "/etc/x/tokens.json"])
@pytest.mark.parametrize("kind", ["link", "directory", "special"])
def test_what_is_no_file_is_never_adopted_as_one(kind: str, path: str) -> None:
    host = Host(paths={path: {**file_state(""), "type": kind, "content": None}})
    with pytest.raises(Conflict, match=kind):
        plan_desired(host, adopt=True)


def test_a_file_where_a_directory_should_be_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="not a directory"):
        plan_desired(Host(paths={"/etc/x": file_state("")}), adopt=True)


def test_a_file_too_large_to_keep_a_copy_of_is_never_adopted() -> None:
    """The agent sends no content of it, so nothing could be restored at teardown."""
    host = Host(paths={APP: {**file_state(""), "content": None}})
    with pytest.raises(Conflict, match=f"{APP} is too large"):
        plan_desired(host, adopt=True)


def test_a_log_of_any_size_is_kept_and_used() -> None:
    host = deploy()
    host.paths[LOG]["content"] = None
    assert plan_desired(host).changes == ()


def test_all_conflicts_are_named_at_once() -> None:
    host = Host(paths={APP: file_state("a"), JAIL: file_state("b")})
    with pytest.raises(Conflict) as error:
        plan_desired(host)
    assert APP in error.value.message
    assert JAIL in error.value.message


def test_an_overwrite_names_what_was_seen_so_that_a_later_change_is_not_lost() -> None:
    host = Host(paths={APP: file_state("theirs")})
    files = {
        file["path"]: file for file in find_step(plan_desired(host, adopt=True), "files")["files"]
    }
    assert len(files[APP]["seen"]) == 64
    assert files[JAIL]["seen"] == ""
