"""The receiver's digests follow the secrets; logs that are no files are moved aside in a folder of ours."""

from __future__ import annotations

import pytest
from banstitch_shared.tokens import format_digests

from provision.linux.draft import LinuxPlan
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.tokens import Digests, Tokens
from provision.linux.planner import plan
from provision.linux.removal import teardown
from tests.unit.linux.linux_model import Host, file_state

TOKENS, DIGESTS, LOG = "/etc/x/tokens.json", "/etc/x/digests.json", "/var/log/x/events.log"


def desired(*names: str) -> tuple[Resource, ...]:
    return (
        Directory("/etc/x"),
        Directory("/var/log/x", 0o750, "root", "x", data=True),
        Tokens(TOKENS, names, 0o600),
        Digests(DIGESTS, TOKENS, names, 0o640, "root", "x"),
        File(LOG, None, 0o660, "root", "x"),
    )


def planned(host: Host, *names: str) -> LinuxPlan:
    return plan(desired(*names), host.observed(desired(*names)))


@pytest.fixture
def host() -> Host:
    made = Host(facts={})
    made.carry_out(planned(made, "a", "b"))
    assert planned(made, "a", "b").changes == ()
    return made


def ids(found: LinuxPlan) -> list[tuple[str, str]]:
    return [(change.action, change.id) for change in found.changes]


@pytest.mark.parametrize("text", ["", "{}", format_digests({"a": "secret", "b": "another"})])
def test_digests_that_are_not_those_of_the_secrets_are_written_again(host: Host, text: str) -> None:
    host.paths[DIGESTS] = file_state(text, 0o640, "root", "x")
    found = planned(host, "a", "b")
    assert ids(found) == [("update", f"digests:{DIGESTS}")]
    assert format_digests({"a": "secret"})[8:40] not in found.changes[0].diff
    host.carry_out(found)
    assert planned(host, "a", "b").changes == ()


def test_missing_digests_are_made(host: Host) -> None:
    del host.paths[DIGESTS]
    assert ids(planned(host, "a", "b")) == [("create", f"digests:{DIGESTS}")]


def test_a_new_secret_and_one_that_goes_change_the_digests_with_them(host: Host) -> None:
    found = planned(host, "b", "c")
    assert ids(found) == [("update", f"tokens:{TOKENS}"), ("update", f"digests:{DIGESTS}")]
    host.carry_out(found)
    assert planned(host, "b", "c").changes == ()


def test_during_a_rotation_the_digest_of_the_old_secret_belongs_to_them(host: Host) -> None:
    assert host.tokens is not None
    host.tokens |= {"a#old": "old"}
    assert ids(planned(host, "a", "b")) == [("update", f"digests:{DIGESTS}")]
    host.paths[DIGESTS] = file_state(format_digests(host.tokens), 0o640, "root", "x")
    assert planned(host, "a", "b").changes == ()


def test_teardown_removes_the_digests_and_shows_none(host: Host) -> None:
    found = teardown(host.observed(desired("a", "b")))
    (change,) = (c for c in found.changes if c.id == f"digests:{DIGESTS}")
    assert (change.action, change.diff) == ("delete", "")


@pytest.mark.parametrize("kind", ["special", "link", "directory"])
def test_what_is_no_log_is_moved_aside_in_a_folder_of_ours(host: Host, kind: str) -> None:
    host.paths[LOG] = {**file_state("", 0o660, "root", "x"), "type": kind, "content": None}
    (change,) = planned(host, "a", "b").changes
    assert (change.action, change.id) == ("update", f"file:{LOG}")
    assert change.reason == f"a {kind} is there and is moved aside"
