"""The agent's digest changes with whatever a plan depends on, and with nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from provision.linux.agent.digest import compute_bare_digest, compute_digest
from provision.linux.agent.protocol.state import Observed
from provision.linux.agent.protocol.wire import from_json

CONTENTS = {"/etc/x": "digest of a"}

SEEN: dict[str, Any] = {
    "facts": {"system": "", "systemd": True, "apt": True, "sshd_jail_without_log": False},
    "paths": {
        "/etc/x": {
            "type": "file",
            "mode": 420,
            "owner": "root",
            "group": "root",
            "content": "YQ==",
        }
    },
    "packages": {"fail2ban": True},
    "users": {"banstitch": True},
    "services": {
        "fail2ban.service": {
            "exists": True,
            "enabled": True,
            "active": True,
            "stale": False,
            "answers": True,
            "taken_by": "",
        }
    },
    "jails": {"banstitch-x": {"max_retry": 3, "find_time": 600, "ban_time": 3600}},
    "bans": {"banstitch-x": 3},
    "tokens": {"verify": "secret"},
    "certificates": {
        "/etc/ca.pem": {
            "days_left": 396.9,
            "names": [],
            "permits": [],
            "sound": True,
            "digest": "",
            "pem": "",
        },
        "/etc/none.pem": None,
    },
    "foreign": {},
    "package_lock": "",
    "clock": 1_800_000_000,
    "digest": "",
    "manifest": {
        "version": 1,
        "key": "k",
        "objects": [{"id": "file:/etc/y", "restores": False, "data": False}],
        "packages": [],
        "services": [],
        "owed": {},
        "fortigates": {"fw1": {"serial": ""}},
    },
}


def changed(path: str, value: Any) -> str:
    """The digest once the value at ``path`` is another."""
    found = copy.deepcopy(SEEN)
    inner: Any = found
    *steps, last = path.split(" ")
    for step in steps:
        inner = inner[step]
    inner[last] = value
    return digest(found)


def digest(found: dict[str, Any]) -> str:
    return compute_digest(from_json(Observed, found), CONTENTS)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("bans", {"banstitch-x": 4}),
        ("certificates /etc/ca.pem days_left", 396.8),
        ("manifest fortigates", {}),
    ],
)
def test_what_changes_by_itself_leaves_it(path: str, value: Any) -> None:
    assert changed(path, value) == digest(SEEN)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("facts systemd", False),
        ("paths /etc/x mode", 384),
        ("paths /etc/x", None),
        ("packages fail2ban", False),
        ("users banstitch", False),
        ("services fail2ban.service active", False),
        ("services fail2ban.service answers", False),
        ("jails banstitch-x", None),
        ("tokens", None),
        ("certificates /etc/ca.pem sound", False),
        ("certificates /etc/ca.pem", None),
        ("manifest owed", {"fail2ban.service": "restart"}),
        ("manifest objects", [{"id": "file:/etc/x", "restores": False, "data": False}]),
        ("manifest", None),
    ],
)
def test_what_a_plan_depends_on_changes_it(path: str, value: Any) -> None:
    assert changed(path, value) != digest(SEEN)


def test_a_content_that_is_read_changes_it() -> None:
    assert compute_digest(from_json(Observed, SEEN), {"/etc/x": "digest of b"}) != digest(SEEN)


def test_what_is_left_out_of_the_answer_leaves_it() -> None:
    """Otherwise a plan and its apply could take two contents for the same."""
    left_out = copy.deepcopy(SEEN)
    left_out["paths"]["/etc/x"]["content"] = None
    assert digest({**left_out, "as_desired": ["/etc/x"]}) == digest(SEEN)


def test_a_host_without_a_manifest_has_one_as_well() -> None:
    assert len(changed("manifest", None)) == len(digest(SEEN)) == 64


def test_two_looks_at_a_host_that_only_got_python_are_the_same() -> None:
    """Its manifest is not on disk yet, so that each look makes another key for it."""
    begun = {"version": 1, "objects": [], "packages": ["python3"], "services": []}
    begun |= {"owed": {}, "fortigates": {}}
    assert changed("manifest", {**begun, "key": "a"}) == changed("manifest", {**begun, "key": "b"})


def test_the_digest_of_a_bare_host_depends_on_what_its_plan_assumes() -> None:
    bare = {**SEEN, "manifest": None, "paths": {"/etc/x": None}, "packages": {"fail2ban": False}}
    seen = from_json(Observed, bare)
    installed = from_json(Observed, {**bare, "packages": {"fail2ban": True, "python3": True}})
    release = from_json(Observed, {**bare, "facts": {**SEEN["facts"], "system": "Debian 12"}})
    assert len({compute_bare_digest(each) for each in (seen, installed, release)}) == 1
    others: tuple[dict[str, Any], ...] = (
        {"paths": SEEN["paths"]},
        {"users": {"banstitch": False}},
        {"services": {}},
        {"facts": {**SEEN["facts"], "sshd_jail_without_log": True}},
    )
    for other in others:
        assert compute_bare_digest(from_json(Observed, {**bare, **other})) != compute_bare_digest(
            seen
        )
