"""The shield of the service: when it rises and falls, what it writes, and what survives a restart."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared.allowances import Allowance, format_allowances
from banstitch_shared.looked_up import Source, format_sources
from banstitch_shared.shield_file import Order, Shield, describe_shield, format_order, read_shield

from tests.unit.rules.rules_model import DAY, NOW, RulesHost, event, login, settings

OPERATOR = {"by": "root@pc", "why": "a spray at other sites"}


class ShieldHost(RulesHost):
    """A site that is ten days old, where alice logs in from 198.51.100.7."""

    def __init__(self, folder: Path, mode: str, spared: tuple[str, ...] = ()) -> None:
        super().__init__(folder)
        self.settings = settings(mode, spared)
        self.start()
        self.write(login("198.51.100.7", "alice", NOW - 10 * DAY))
        self.work()

    def spray(self, number: int = 20, at: float = NOW) -> None:
        self.write(*(event(f"203.0.113.{n + 1}", at=at) for n in range(number)))
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """Let time pass, and the service work."""
        self.now += seconds
        self.work()

    def order(self, up: bool, seconds: float = 3600) -> None:
        order = Order(up, self.now + seconds, self.now, **OPERATOR)
        (self.folder / "spool/shield.json").write_text(format_order(order))

    def shield(self) -> Shield | None:
        return read_shield(str(self.folder / "memory"), self.now)

    def denies(self, address: str) -> bool:
        known = self.shield()
        denied = map(ipaddress.ip_network, known.networks if known else ())
        return any(ipaddress.ip_address(address) in network for network in denied)

    def turns(self) -> list[str]:
        """Return what the audit is asked to note, in order."""
        found: list[Any] = [json.loads(p.read_text()) for p in sorted(self.places_of_requests())]
        turns = sorted((r for r in found if r["do"] == "shield"), key=lambda r: float(r["at"]))
        return [turn["mode"] for turn in turns]


@pytest.fixture
def host(tmp_path: Path) -> ShieldHost:
    return ShieldHost(tmp_path, "auto", ("192.0.2.0/24",))


def test_a_spray_raises_it_and_networks_of_logins_are_spared(host: ShieldHost) -> None:
    host.spray(19)
    host.wait(2)
    assert host.shield() is None
    host.write(event("203.0.113.99"))
    host.wait(2)
    assert host.denies("203.0.113.200")
    assert host.denies("2a00::1")
    for spared in ("198.51.3.4", "192.0.2.1", "10.1.1.1", "192.168.1.1", "fd00::1"):
        assert not host.denies(spared)
    assert host.turns() == ["up"]


def test_it_falls_a_day_after_the_spray(host: ShieldHost) -> None:
    host.spray()
    host.wait(2)
    host.wait(DAY - 60)
    assert host.denies("203.0.113.200")
    host.wait(60)
    assert host.shield() is None
    assert not (host.folder / "memory/shield.json").exists()
    assert host.turns() == ["up", "down"]


def test_it_survives_a_restart_and_is_noted_once(host: ShieldHost) -> None:
    host.spray()
    host.wait(61)
    before = host.shield()
    host.start()
    host.wait(2)
    assert host.shield() == before
    assert host.turns() == ["up"]


def test_the_file_of_a_dead_service_ends_by_itself(host: ShieldHost) -> None:
    host.spray()
    host.wait(2)
    host.now += DAY
    assert host.shield() is None


def test_a_restart_after_its_end_removes_the_file(host: ShieldHost) -> None:
    host.spray()
    host.wait(61)
    host.now += 2 * DAY
    host.start()
    host.wait(2)
    assert not (host.folder / "memory/shield.json").exists()


def test_a_login_while_it_is_up_spares_its_network(host: ShieldHost) -> None:
    host.spray()
    host.wait(2)
    assert host.denies("100.1.9.9")
    host.write(login("100.1.1.1", "bob"))
    host.wait(11)
    assert not host.denies("100.1.9.9")


def test_an_allowance_spares_its_network(host: ShieldHost) -> None:
    host.spray()
    allowance = Allowance("100.1.1.1", host.now + 3600, host.now, **OPERATOR)
    (host.folder / "spool/allowed.json").write_text(format_allowances([allowance]))
    host.wait(2)
    assert not host.denies("100.1.1.1")
    assert host.denies("100.1.1.2")
    host.wait(3601)
    assert host.denies("100.1.1.1")


def test_it_does_not_rise_by_itself_in_the_first_week_of_a_site(tmp_path: Path) -> None:
    host = RulesHost(tmp_path)
    host.settings = settings("auto")
    host.start()
    host.write(login("198.51.100.7", "alice"), *(event(f"203.0.113.{n}") for n in range(1, 31)))
    host.now += 2
    host.work()
    assert read_shield(str(tmp_path / "memory"), host.now) is None


def test_it_never_rises_where_it_is_off(tmp_path: Path) -> None:
    host = ShieldHost(tmp_path, "off")
    host.spray()
    host.wait(2)
    assert host.shield() is None
    assert host.turns() == []


def test_an_alarm_denies_nobody_and_counts_what_it_would_have_denied(tmp_path: Path) -> None:
    host = ShieldHost(tmp_path, "alarm", ("192.0.2.0/24",))
    host.spray()
    host.wait(2)
    later = NOW + 10
    host.write(*(event(address, at=later) for address in ("203.0.113.7", "198.51.3.4")))
    host.write(
        *(login(a, "bob", later + 1) for a in ("100.1.1.1", "100.1.1.1", "192.0.2.9", "10.1.1.1"))
    )
    host.wait(20)
    known = host.shield()
    assert known is not None
    assert (known.mode, known.networks) == ("alarm", ())
    assert (known.kept_out, known.denied) == (1, 1)
    assert "would have kept out 1 failures and 1 logins" in describe_shield(known)
    host.start()  # the events since the checkpoint are read again, and counted once
    host.wait(20)
    assert host.shield() == known
    assert host.turns() == ["alarm"]


def test_an_operator_raises_it_for_a_time(tmp_path: Path) -> None:
    host = ShieldHost(tmp_path, "off")
    host.order(up=True)
    host.wait(2)
    known = host.shield()
    assert known is not None
    assert (known.by, known.why, known.homes) == ("root@pc", "a spray at other sites", 1)
    assert host.denies("203.0.113.200")
    assert not host.denies("198.51.3.4")
    host.wait(3600)
    assert host.shield() is None
    assert host.turns() == ["up", "down"]


def test_an_operator_lowers_it_for_a_time(host: ShieldHost) -> None:
    host.spray()
    host.wait(2)
    host.order(up=False)
    host.wait(2)
    assert host.shield() is None
    host.wait(3600)
    assert host.denies("203.0.113.200")
    assert host.turns() == ["up", "down", "up"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"up": true}', '{"up": true, "until": "x"}'])
def test_a_damaged_order_is_none(host: ShieldHost, text: str) -> None:
    (host.folder / "spool/shield.json").write_text(text)
    host.wait(2)
    assert host.shield() is None


def test_what_a_name_stands_for_is_never_denied(tmp_path: Path) -> None:
    host = ShieldHost(tmp_path, "auto")
    path = tmp_path / "looked_up.json"
    host.settings = replace(host.settings, looked_up=str(path))
    host.start()
    host.spray()
    host.wait(2)
    assert host.denies("45.9.9.9")
    path.write_text(format_sources({"office.example.com": Source(("45.9.9.9",), NOW)}))
    host.wait(20)
    assert host.denies("45.9.9.8")
    assert not host.denies("45.9.9.9")
