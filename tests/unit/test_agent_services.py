"""Units on the ban host: what is done to bring one to where it should be."""

from __future__ import annotations

import pytest

from provision.linux.agent import services
from provision.linux.agent.host import Ran

UP = {"exists": True, "active": True, "enabled": True, "answers": True}
RELOAD = ["fail2ban-client", "reload"]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The programs that were run; every unit is up."""
    found: list[list[str]] = []

    def run(argv: list[str]) -> Ran:
        found.append(argv)
        return Ran(0, "")

    monkeypatch.setattr(services, "run", run)
    monkeypatch.setattr(services, "must", run)
    monkeypatch.setattr(services, "service_state", lambda *_: UP)
    return found


@pytest.mark.parametrize(("pong", "done"), [("pong", RELOAD), (None, None)])
def test_a_fail2ban_that_cannot_be_told_to_load_anew_is_restarted(
    monkeypatch: pytest.MonkeyPatch,
    ran: list[list[str]],
    pong: str | None,
    done: list[str] | None,
) -> None:
    monkeypatch.setattr(services, "fail2ban", lambda *_: pong)
    name, restart = "fail2ban.service", ["systemctl", "restart", "fail2ban.service"]
    step = {"name": name, "verb": "reload", "reload_command": RELOAD, "answers": ""}
    services.bring_up(step)
    assert ran[-1] == (done or restart)
    services.put_back(name, UP, RELOAD)
    assert ran[-1] == (done or restart)
