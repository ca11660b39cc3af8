"""A file with secrets appears in plans by the names of the secrets, and never with its content."""

from __future__ import annotations

import base64
import json

from provision.linux.agent.protocol.steps import NewFile, PutFiles
from provision.linux.approved_steps import fill_steps, format_step
from provision.linux.kinds.file import File, show_content

PATH = "/etc/banstitch/watch.secret"
OLD, NEW = '{"mail": "Old-Secret-1"}\n', '{"mail": "New-Secret-2"}\n'


def step(content: str) -> PutFiles:
    encoded = base64.b64encode(content.encode()).decode()
    return PutFiles((NewFile(PATH, 0o640, "root", "g", encoded, "json", ""),), (), False)


def test_a_plan_has_the_names_of_secrets() -> None:
    shown = format_step(step(NEW))
    assert "New-Secret-2" not in shown
    assert "mail" in shown
    assert json.loads(show_content(PATH, NEW)) == {"mail": "(secret)"}
    assert show_content("/etc/banstitch/watch.json", NEW) == NEW


def test_an_approved_step_is_sent_with_the_secrets_of_the_inventory() -> None:
    approved = [json.loads(format_step(step(NEW)))]
    assert fill_steps(approved, [File(PATH, NEW)]) == (step(NEW),)
    # a new value is no difference, as with all secrets
    assert fill_steps(approved, [File(PATH, OLD)]) == (step(OLD),)
