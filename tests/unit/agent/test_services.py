"""Units on the ban host: what is done to bring one to where it should be."""

from __future__ import annotations

import pytest

from provision.linux.agent.host import Ran
from provision.linux.agent.kinds import service
from provision.linux.agent.protocol.state import ServiceState
from provision.linux.agent.protocol.steps import BringUp, Verb

UP = ServiceState(True, True, True, stale=False, answers=True, taken_by="")
OK = Ran(0, "")
RELOAD = ["fail2ban-client", "reload"]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The programs that were run; every unit is up."""
    found: list[list[str]] = []

    def run(argv: list[str]) -> Ran:
        found.append(argv)
        return OK

    monkeypatch.setattr(service, "run", run)
    monkeypatch.setattr(service, "must", run)
    monkeypatch.setattr(service, "read_state", lambda *_: UP)
    return found


@pytest.mark.parametrize(("up", "done"), [(True, RELOAD), (False, None)])
def test_a_fail2ban_that_cannot_be_reloaded_is_restarted(
    monkeypatch: pytest.MonkeyPatch,
    ran: list[list[str]],
    up: bool,
    done: list[str] | None,
) -> None:
    def client(words: list[str]) -> Ran:
        ran.append(["fail2ban-client", *words])
        return OK

    monkeypatch.setattr(service, "is_up", lambda: up)
    monkeypatch.setattr(service, "client", client)
    name, restart = "fail2ban.service", ["systemctl", "restart", "fail2ban.service"]
    step = BringUp(name, "reload", tuple(RELOAD), "", "")
    service.bring_up(step)
    assert ran[-1] == (done or restart)
    service.put_back(name, UP, RELOAD)
    assert ran[-1] == (done or restart)


@pytest.mark.parametrize(
    ("verb", "restarted"), [("start", True), ("restart", True), ("none", False)]
)
def test_a_service_that_its_package_has_started_meanwhile_reads_the_files_of_this_run(
    ran: list[list[str]], verb: Verb, restarted: bool
) -> None:
    """As on a Debian 13 without fail2ban: the package starts it before our jails are there."""
    step = BringUp("fail2ban.service", verb, tuple(RELOAD), "", "")
    service.bring_up(step)
    assert (["systemctl", "restart", "fail2ban.service"] in ran) is restarted
