"""Text of a hostile ban host controls no terminal and shows no secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from provision.masking import MASK
from tests.e2e.fake_ban_host import (
    MARK,
    FakeBanHost,
    Reply,
    Request,
    bare,
    line,
)
from tests.e2e.hostile_hosts import ESCAPES, SECRET, World, check_harmless


def test_an_error_of_the_agent_cannot_steer_the_terminal_nor_look_like_another_site(
    world: World,
) -> None:
    text = f"no space left{ESCAPES}\nsite good1\n  ok          good1 (linux, 1 exec)"
    world.evil.reply = lambda _: Reply(MARK + json.dumps({"ok": False, "error": text}).encode())
    said = world.run("plan")
    assert "no space left\\x1b]0;OWNED\\x07" in said.out
    assert [each for each in said.out.splitlines() if each.startswith("site ")] == [
        "site evil1",
        "site good1",
    ]
    check_harmless(said)


def test_control_characters_in_an_ssh_version_never_reach_the_terminal(world: World) -> None:
    escapes = ESCAPES.encode().decode("latin-1")
    with FakeBanHost(world.evil.reply, software=f"x{escapes}") as host:
        world.hosts["evil1"] = host
        said = world.run("bans", "-vvv")
    assert said.code == 0
    assert "Connected (version 2.0" in said.err
    check_harmless(said)


def test_control_characters_in_the_history_are_escaped(world: World) -> None:
    entry = {"at": 1, "what": ESCAPES, "event": ESCAPES, "cut": ESCAPES, "why": "a\nsite good1"}
    world.evil.reply = lambda _: Reply(line({"history": [entry], "left_out": False}))
    said = world.run("bans --history")
    assert said.code == 0
    assert "a\\nsite good1" in said.out
    check_harmless(said)


@pytest.mark.parametrize(
    "tokens",
    [
        {"verify": "create"},
        {"verify": "/etc/systemd/system"},
        {"verify": "banstitch-sslvpn_login_failed"},
        {"create": "x" * 43, "verify": "\x1b[2J"},
        {f"verify{n}": "x" * 43 for n in range(2)},
    ],
)
def test_text_that_cannot_be_one_of_our_secrets_is_not_masked(
    world: World, tokens: dict[str, str]
) -> None:
    def spoilt(request: Request) -> Reply:
        return Reply(line({**world.honestly(request), "tokens": tokens}))

    world.evil.reply = spoilt
    world.answers["good1"] = make_new_host(world.answers["good1"])
    said = world.run("plan -D")
    assert said.code == 1
    assert "refused: tokens" in said.out
    assert "create   directory:/etc/banstitch" in said.out
    assert "jail:banstitch-sslvpn_login_failed" in said.out
    assert MASK not in said.out


def make_new_host(answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """On which nothing was deployed, so that its plan is long."""
    return lambda request: bare(answer(request)) if request["do"] == "observe" else answer(request)


def test_secrets_of_the_right_form_are_masked_wherever_they_are_shown(world: World) -> None:
    def lying(request: Request) -> Reply:
        if request["do"] == "observe":
            return Reply(line(world.honestly(request)))
        return Reply(line({"steps": [f"the token is {SECRET}"], "unreadable": {}}))

    world.evil.reply = lying
    said = world.run("verify", "-vvv")
    assert f"the token is {MASK}" in said.out
    check_harmless(said)
