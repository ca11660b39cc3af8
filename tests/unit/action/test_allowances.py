"""Allowances: whom an operator allows is not held, and is let go at once."""

from __future__ import annotations

import json
import time

import pytest
from banstitch_shared.allowances import Allowance, format_allowances

from tests.unit.action.action_model import Server, eventually, ticket


def allow(server: Server, *networks: str, seconds: float = 3600) -> None:
    now = time.time()
    allowances = [Allowance(n, now + seconds, now, "root@pc", "a guest") for n in networks]
    (server.spool / "allowed.json").write_text(format_allowances(allowances))


@pytest.fixture
def quick(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(server.module.keeper, "TICK", 0.01)
    return server


@pytest.mark.parametrize("allowed", ["203.0.113.9", "203.0.113.0/24"])
def test_a_ban_ends_once_its_address_is_allowed(quick: Server, allowed: str) -> None:
    quick.holds({"203.0.113.9": -1, "198.51.100.7": -1})
    quick.start()
    assert quick.becomes({"203.0.113.9": -1, "198.51.100.7": -1})
    allow(quick, allowed)
    assert quick.becomes({"198.51.100.7": -1})


def test_a_network_that_holds_an_allowed_address_is_not_banned(quick: Server) -> None:
    allow(quick, "203.0.113.9")
    action = quick.start()
    action.ban(ticket("203.0.113.0/24"))
    action.ban(ticket("203.0.113.9"))
    assert quick.becomes({})


@pytest.mark.parametrize(
    ("ban", "refusal"),
    [
        ("203.0.113.9", "203.0.113.9 is allowed for some time; unallow ends that"),
        ("203.0.0.0/16", "203.0.0.0/16 holds 203.0.113.0/24, which is allowed for some time"),
    ],
)
def test_the_refusal_to_ban_names_an_allowance(quick: Server, ban: str, refusal: str) -> None:
    allow(quick, "203.0.113.0/24")
    with pytest.raises(ValueError, match=refusal):
        quick.start().ban_by_hand(ban)


def test_an_allowance_that_is_over_allows_nobody(quick: Server) -> None:
    allow(quick, "203.0.113.9", seconds=-1)
    action = quick.start()
    action.ban(ticket("203.0.113.9", bantime=-1))
    assert quick.becomes({"203.0.113.9": -1})


def test_an_allowance_that_is_taken_back_allows_nobody(quick: Server) -> None:
    allow(quick, "203.0.113.9")
    action = quick.start()
    (quick.spool / "allowed.json").unlink()
    action.ban(ticket("203.0.113.9", bantime=-1))
    assert quick.becomes({"203.0.113.9": -1})


def test_a_damaged_file_allows_nobody_and_stops_nothing(quick: Server) -> None:
    (quick.spool / "allowed.json").write_text("[{")
    quick.holds({"203.0.113.9": -1})
    quick.start()
    assert quick.becomes({"203.0.113.9": -1})


@pytest.mark.parametrize("what", ["alarm", "allow", "unallow", "shield"])
def test_what_concerns_all_jails_is_noted_with_none(server: Server, what: str) -> None:
    server.start().note(what, "203.0.113.9", "root@pc", "a guest")
    assert eventually(lambda: server.audited() == [(what, "203.0.113.9", "root@pc")])
    assert json.loads(server.audit.read_text())["jail"] == ""
