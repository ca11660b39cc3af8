"""Names and URLs of the ignore list: what they stand for is not held, and is let go at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from banstitch_shared.looked_up import Source, format_sources

from tests.unit.action.action_model import Server, ticket


@pytest.fixture
def quick(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(server.module.keeper, "TICK", 0.01)
    server.settings["looked_up"] = str(server.spool / "looked_up.json")
    return server


def answer(server: Server, *networks: str) -> None:
    """Write the file as banstitch-watch does."""
    fresh = server.spool / "fresh"
    fresh.write_text(format_sources({"office.example.com": Source(networks, time.time())}))
    fresh.rename(Path(server.settings["looked_up"]))


@pytest.mark.parametrize("network", ["203.0.113.9", "203.0.113.0/24"])
def test_a_ban_ends_once_a_name_stands_for_its_address(quick: Server, network: str) -> None:
    quick.holds({"203.0.113.9": -1, "198.51.100.7": -1})
    quick.start()
    assert quick.becomes({"203.0.113.9": -1, "198.51.100.7": -1})
    answer(quick, network)
    assert quick.becomes({"198.51.100.7": -1})


def test_a_network_that_holds_such_an_address_is_not_banned(quick: Server) -> None:
    answer(quick, "203.0.113.9")
    action = quick.start()
    action.ban(ticket("203.0.113.0/24"))
    action.ban(ticket("203.0.113.9"))
    assert quick.becomes({})


def test_an_address_that_a_name_stands_for_no_longer_is_banned(quick: Server) -> None:
    answer(quick, "203.0.113.9")
    action = quick.start()
    action.ban(ticket("203.0.113.9", bantime=-1))
    answer(quick, "198.51.100.7")
    action.ban(ticket("203.0.113.9", bantime=-1))
    assert quick.becomes({"203.0.113.9": -1})


def test_a_reload_without_names_spares_nobody_any_more(quick: Server) -> None:
    answer(quick, "203.0.113.9")
    action = quick.start()
    action.reload()
    action.ban(ticket("203.0.113.9", bantime=-1))
    assert quick.becomes({"203.0.113.9": -1})


@pytest.mark.parametrize("text", ['{"a', '{"a": {"networks": ["0.0.0.0/0"], "at": 1}}'])
def test_a_file_that_is_damaged_or_spares_everybody_spares_nobody(quick: Server, text: str) -> None:
    Path(quick.settings["looked_up"]).write_text(text)
    action = quick.start()
    action.ban(ticket("203.0.113.9", bantime=-1))
    assert quick.becomes({"203.0.113.9": -1})
