"""Check that both sides read what the other one sends, and that each step and each kind has its module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from provision.linux.agent.kinds import KINDS
from provision.linux.agent.protocol.bounds import PATH_KINDS
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.observe import Observe, ServiceQuestion
from provision.linux.agent.protocol.requests import Apply, BanAddress
from provision.linux.agent.protocol.steps import (
    BringUp,
    Install,
    NewFile,
    Owe,
    PutFiles,
    Step,
    TakeBack,
)
from provision.linux.agent.protocol.wire import from_json, to_json
from provision.linux.agent.steps import TAKERS
from provision.linux.session.agent_code import build_zip

ID = ResourceId("file", "/etc/x:y")
STEPS: tuple[Step, ...] = (
    Install(("fail2ban",)),
    Owe({"x.service": "restart"}),
    PutFiles((NewFile("/etc/x", 0o644, "root", "root", "YQ==", "python", ""),), (ID,), True),
    BringUp("x.service", "reload", ("x", "reload"), "http://127.0.0.1/", ""),
    TakeBack((ID,), purge=True),
)
OBSERVE = Observe(paths=["/etc/x"], services=[ServiceQuestion("x.service", "", "", "")])


def test_an_id_is_spelled_and_read_back() -> None:
    assert str(ID) == "file:/etc/x:y"
    assert ResourceId.parse(str(ID)) == ID


@pytest.mark.parametrize(
    "request_",
    [
        Apply("apply", STEPS, OBSERVE, "seen"),
        OBSERVE,
        BanAddress("x", "192.0.2.1", None, "me", "why"),
        BanAddress("x", "192.0.2.1", -1, "me", "why"),
    ],
    ids=["apply", "observe", "without a time", "with a time"],
)
def test_a_request_arrives_as_it_was_sent(request_: Apply | Observe | BanAddress) -> None:
    assert from_json(type(request_), to_json(request_)) == request_
    assert to_json(request_)["do"] == request_.do


@pytest.mark.parametrize("step", [{}, {"do": "nothing"}, {"do": "files", "files": [1]}, 7])
def test_a_step_of_another_form_is_refused(step: object) -> None:
    sent = {**to_json(Apply("apply", (), OBSERVE, "")), "steps": [step]}
    with pytest.raises((KeyError, TypeError, AttributeError)):
        from_json(Apply, sent)


def test_each_step_is_taken_and_each_object_taken_back_by_one_module() -> None:
    assert set(TAKERS) == set(get_args(Step))
    objects = [name for kind in KINDS for name in kind.objects]
    assert sorted(objects) == sorted([*PATH_KINDS, "user"])


def test_each_kind_is_found_in_the_zip_as_well(tmp_path: Path) -> None:
    (tmp_path / "agent.zip").write_bytes(build_zip())
    program = "from provision.linux.agent.kinds import KINDS; print(len(KINDS))"
    argv = [sys.executable, "-IS", "-c", f"import sys; sys.path.insert(0, 'agent.zip'); {program}"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert int(done.stdout) == len(KINDS)
