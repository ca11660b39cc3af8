"""Check that an address on the ignore list of the jail is not held, and is let go."""

from __future__ import annotations

import pytest

from tests.unit.action.action_model import (
    NOW,
    Server,
    eventually,
    ticket,
)


def test_the_jails_ignore_list_has_the_addresses_of_the_site_and_of_the_operator(
    server: Server,
) -> None:
    server.ignored = {"198.51.100.1"}
    server.settings = {"ignore": "198.51.100.1 192.0.2.0/24"}
    action = server.start()
    listed = server.jail.filter.getIgnoreIP
    assert listed() == ["192.0.2.0/24", "198.51.100.1"]
    action.ban(ticket("192.0.2.7"))
    assert server.becomes({})

    server.jail.filter.added.clear()  # as fail2ban begins a reload
    action.ban(ticket("192.0.2.8"))
    assert server.becomes({})
    action.clearAllParams()
    assert listed() == ["192.0.2.0/24", "198.51.100.1"]
    action.reload(ignore="203.0.113.0/24")
    # no longer the site's, but still the operator's
    assert listed() == ["198.51.100.1", "203.0.113.0/24"]


def test_an_address_that_was_added_to_the_ignore_list_is_freed_at_the_start_and_at_a_reload(
    server: Server,
) -> None:
    server.holds({"203.0.113.9": -1, "203.0.113.10": -1, "2001:db8::/64": -1})
    server.ignored = {"203.0.113.8/31", "example.org"}
    action = server.start()
    assert server.becomes({"203.0.113.10": -1, "2001:db8::/64": -1})
    server.ignored = {"203.0.113.10", "2001:db8::1"}
    action.reload()
    assert server.becomes({})
    assert set(server.forgotten) == {
        ("203.0.113.9", True),
        ("203.0.113.10", True),
        ("2001:db8::/64", True),
    }


@pytest.mark.parametrize("ip", ["192.0.2.9", "192.0.0.0/16", "::ffff:192.0.2.9"])
def test_what_is_on_the_ignore_list_is_not_held_though_fail2ban_bans_it(
    server: Server, monkeypatch: pytest.MonkeyPatch, ip: str
) -> None:
    """`fail2ban-client set JAIL banip` does not ask the list."""
    monkeypatch.setattr(server.module.keeper, "TICK", 0.01)
    server.ignored = {"192.0.2.0/24"}
    action = server.start()
    action.ban(ticket(ip))
    action.ban(ticket("203.0.113.9"))
    assert server.becomes({"203.0.113.9": NOW + 600})
    wanted = ip.removeprefix("::ffff:")
    assert eventually(lambda: server.forgotten == [(wanted, True)])


def test_an_address_that_is_added_to_the_ignore_list_is_freed_once_at_the_next_ban(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.module.keeper, "TICK", 0.01)
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    server.ignored = {"203.0.113.9"}
    action.ban(ticket("203.0.113.9"))
    assert server.becomes({})
    assert eventually(lambda: server.forgotten == [("203.0.113.9", True)])
    assert server.handed_back == []
