"""The steps for a ban host as they are approved hold no key, and give the very steps that are sent."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from provision.linux.agent.protocol.steps import Step
from provision.linux.approved_steps import fill_steps, format_step
from provision.linux.kinds.certificate import Certificate
from provision.linux.kinds.file import File
from provision.linux.kinds.resource import Resource
from provision.linux.planner import plan
from tests.unit.linux.linux_model import Host

KEY = "-----BEGIN PRIVATE KEY-----\nMIIsecret\n-----END PRIVATE KEY-----\n"
DESIRED: tuple[Resource, ...] = (
    File("/etc/one.conf", "a = 1\nb = \u00fc\n"),
    File("/etc/log", None),
    Certificate("/etc/tls.pem", ("ban.example.net",), content=KEY),
)


def steps() -> tuple[Step, ...]:
    return plan(DESIRED, Host().observed(DESIRED)).steps


def test_approved_steps_give_the_steps_that_were_planned() -> None:
    approved = [json.loads(format_step(step)) for step in steps()]
    assert fill_steps(approved, DESIRED) == steps()


def test_files_are_readable_and_keys_are_not_there() -> None:
    text = "".join(map(format_step, steps()))
    assert r"a = 1\nb = \u00fc\n" in text
    assert "MIIsecret" not in text
    assert base64.b64encode(KEY.encode()).decode() not in text


@pytest.mark.parametrize(
    "other",
    [
        (File("/etc/one.conf", "a = 2\n"), *DESIRED[1:]),
        (*DESIRED[:2], Certificate("/etc/tls.pem", ("ban.example.net",), content=KEY + "\n")),
        DESIRED[1:],
    ],
)
def test_an_inventory_that_asks_for_something_else_than_was_approved_is_refused(
    other: tuple[Resource, ...],
) -> None:
    approved = [json.loads(format_step(step)) for step in steps()]
    with pytest.raises(ValueError, match="must ask for what was approved"):
        fill_steps(approved, other)


@pytest.mark.parametrize("step", [{}, {"do": "files"}, {"do": "files", "files": [1]}, [["do", 1]]])
def test_steps_of_another_form_are_refused(step: Any) -> None:
    with pytest.raises(ValueError, match=r"must have the form of steps|must ask for"):
        fill_steps([step], DESIRED)
