"""Orders of an operator to the shield: what is written for the service, and what comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from banstitch_shared.shield_file import Order, Shield, format_order, format_shield

from provision.linux.agent import host, shields
from provision.linux.agent.protocol.requests import SetShield
from provision.linux.agent.protocol.state import ShieldState
from provision.linux.agent.shield_state import read_shield_state
from tests.unit.agent.bans_model import ASKED, ON, Fail2ban

Spool = Callable[..., str]


class Service:
    """Stands for banstitch-rules: it obeys at once where it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs, self.homes = folder, True, 12
        folder.mkdir()

    def write(self, path: str, content: bytes, *_: object) -> None:
        Path(path).write_bytes(content)
        file, order = self.folder / "shield.json", json.loads(content)
        if self.runs and order.pop("up"):
            file.write_text(format_shield(Shield("up", **order, homes=self.homes)))
        elif self.runs:
            file.unlink(missing_ok=True)


@pytest.fixture
def service(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    state.mkdir(exist_ok=True)
    service = Service(tmp_path / "rules")
    monkeypatch.setattr(shields, "PATIENCE", 0.3)
    monkeypatch.setattr(host, "write", service.write)
    return service


def order(spool: str, service: Service, up: bool = True) -> SetShield:
    return SetShield(spool, "root", str(service.folder), up, 3600, **ASKED)


def test_an_order_is_written_obeyed_and_noted_in_the_audit(
    fail2ban: Fail2ban, spool: Spool, service: Service
) -> None:
    folder = spool(ON, "198.51.100.1")
    answer = shields.set_shield(order(folder, service))
    assert answer.changed
    assert answer.until == pytest.approx(time.time() + 3600, abs=60)
    (note,) = answer.notes
    assert note.startswith("SHIELD UP from")
    assert "everybody but 12 networks of recent logins" in note
    written = json.loads(Path(folder, "shield.json").read_text())
    assert (written["up"], written["by"], written["why"]) == (True, "root@pc", "by hand")
    assert fail2ban.told == [(ON, "note", "")]


def test_where_nobody_logged_in_lately_the_operator_is_warned(
    fail2ban: Fail2ban, spool: Spool, service: Service
) -> None:
    service.homes = 0
    assert shields.NOBODY in shields.set_shield(order(spool(ON), service)).notes


def test_an_order_lowers_it(fail2ban: Fail2ban, spool: Spool, service: Service) -> None:
    folder = spool(ON, "198.51.100.1")
    shields.set_shield(order(folder, service))
    assert shields.set_shield(order(folder, service, up=False)).notes == []
    assert read_shield_state(str(service.folder)) is None


@pytest.mark.parametrize("up", [True, False])
def test_a_service_that_does_not_obey_is_named(
    fail2ban: Fail2ban, spool: Spool, service: Service, up: bool
) -> None:
    folder = spool(ON)
    shields.set_shield(order(folder, service, up=not up))
    service.runs = False
    assert shields.set_shield(order(folder, service, up)).notes == [shields.LATE]


def test_its_state_is_without_its_networks(tmp_path: Path) -> None:
    now = time.time()
    known = Shield("alarm", now, now + 60, "banstitch-rules", "why", 3, 2, 1, now, ("64.0.0.0/3",))
    (tmp_path / "shield.json").write_text(format_shield(known))
    found = read_shield_state(str(tmp_path))
    assert found == ShieldState("alarm", now, now + 60, "banstitch-rules", "why", 3, 2, 1)
    assert read_shield_state(str(tmp_path / "none")) is None


@pytest.mark.parametrize(
    ("up", "seconds", "mode"), [(False, 60, "down"), (False, -1, ""), (True, 60, "")]
)
def test_an_order_that_keeps_it_down_is_told(
    tmp_path: Path, up: bool, seconds: float, mode: Literal["down", ""]
) -> None:
    now = time.time()
    (tmp_path / "shield.json").write_text(
        format_order(Order(up, now + seconds, now, "anna", "guests"))
    )
    found = read_shield_state(str(tmp_path / "none"), str(tmp_path))
    assert found == (
        ShieldState(mode, now, now + seconds, "anna", "guests", 0, 0, 0) if mode else None
    )
