"""Answers of a ban host, read as the session does."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from provision.linux import answers
from provision.linux.agent.protocol.observe import Request
from provision.linux.agent.protocol.wire import to_json
from provision.linux.answers import InvalidAnswer

SECRET = "Aa0" * 14 + "x"
BAN = {
    "address": "192.0.2.7",
    "jail": "banstitch-x",
    "until": -1,
    "since": 1_800_000_000.5,
    "failures": 3,
    "count": 1,
    "why": "by hand",
}


def build_request(do: str, **fields: Any) -> Any:
    """A request of which only ``fields`` matter."""
    return SimpleNamespace(do=do, **fields)


def read_answer(do: str, answer: Any, **request: Any) -> Any:
    text = json.dumps({"ok": True, **answer})
    return to_json(answers.read(build_request(do, **request), text.encode()))


def read_look(request: Request[Any], answer: dict[str, Any]) -> Any:
    return to_json(answers.read(request, json.dumps({"ok": True, **answer}).encode()))


def get_refusal(do: str, answer: Any, **request: Any) -> str:
    with pytest.raises(InvalidAnswer) as error:
        read_answer(do, answer, **request)
    return error.value.message
