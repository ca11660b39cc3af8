"""The sources of recent logins are left for the receiver where bans are shared, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rules.trusted import PAUSE

from tests.unit.rules.rules_model import NOW, RulesHost, login

HOME, OFFICE = "203.0.113.7", "2001:db8:1:2::/64"


def read(host: RulesHost) -> list[str]:
    return (host.folder / "memory" / "trusted").read_text().splitlines()


def test_whoever_logged_in_lately_is_in_the_file(tmp_path: Path) -> None:
    host = RulesHost(tmp_path)
    host.settings = replace(host.settings, shares=True)
    host.start()
    host.write(login(OFFICE, "alice"), login(HOME, "bob"))
    host.work()
    assert read(host) == [OFFICE, HOME]
    host.now = NOW + host.settings.trust_time - 1
    host.write(login(HOME, "bob", host.now))
    host.work()
    host.now += PAUSE + 1
    host.write(login("203.0.113.8", "bob", host.now))
    host.work()
    assert read(host) == [HOME, "203.0.113.8"]


def test_a_site_that_shares_nothing_has_no_such_file(tmp_path: Path) -> None:
    host = RulesHost(tmp_path)
    host.start()
    host.write(login(HOME, "bob"))
    host.work()
    assert not (tmp_path / "memory" / "trusted").exists()
