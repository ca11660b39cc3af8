"""Units on the ban host: what is done to bring one to where it should be."""

from __future__ import annotations

import pytest

from provision.linux.agent import steps
from provision.linux.agent.host import HostError, Ran
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import service
from provision.linux.agent.protocol.state import ServiceState
from provision.linux.agent.protocol.steps import BringUp, Verb

UP = ServiceState(True, True, True, stale=False, answers=True, taken_by="")
OK = Ran(0, "")
RELOAD = ["fail2ban-client", "reload"]


OFF = ServiceState(True, False, False, stale=False, answers=False, taken_by="")


@pytest.fixture
def host_units(monkeypatch: pytest.MonkeyPatch) -> dict[str, ServiceState]:
    """Return the state of each unit before the run; what is not in it is up."""
    return {}


@pytest.fixture
def slow_units() -> dict[str, ServiceState]:
    """Return the state of each unit that is not up yet when it is waited for."""
    return {}


@pytest.fixture
def ran(
    monkeypatch: pytest.MonkeyPatch,
    host_units: dict[str, ServiceState],
    slow_units: dict[str, ServiceState],
) -> list[list[str]]:
    """Return the programs that were run. Every unit is up in the end."""
    found: list[list[str]] = []

    def run(argv: list[str]) -> Ran:
        found.append(argv)
        if argv[:-1] == ["systemctl", "start"]:
            slow_units.pop(argv[-1], None)
        return OK

    monkeypatch.setattr(service, "run", run)
    monkeypatch.setattr(service, "must", run)
    monkeypatch.setattr(service, "read_state", lambda name: slow_units.get(name, UP))
    monkeypatch.setattr(
        service, "read_running", lambda names: {name: host_units.get(name, UP) for name in names}
    )
    return found


def bring_up(journal: Journal, *taken: BringUp) -> None:
    journal.bring_ups = taken
    for step in taken:
        steps.take(step, journal)


@pytest.mark.parametrize(("up", "done"), [(True, RELOAD), (False, None)])
def test_a_fail2ban_that_cannot_be_reloaded_is_restarted(
    monkeypatch: pytest.MonkeyPatch,
    ran: list[list[str]],
    journal: Journal,
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
    bring_up(journal, step)
    assert ran[-1] == (done or restart)
    service.put_back(name, UP, RELOAD)
    assert ran[-1] == (done or restart)


@pytest.mark.parametrize(
    ("verb", "restarted"), [("start", True), ("restart", True), ("none", False)]
)
def test_a_service_that_its_package_has_started_meanwhile_reads_the_files_of_this_run(
    ran: list[list[str]], journal: Journal, verb: Verb, restarted: bool
) -> None:
    """As on a Debian 13 without fail2ban: the package starts it before our jails are there."""
    step = BringUp("fail2ban.service", verb, tuple(RELOAD), "", "")
    bring_up(journal, step)
    assert (["systemctl", "restart", "fail2ban.service"] in ran) is restarted


def test_units_are_enabled_by_one_program_and_those_that_are_off_start_side_by_side(
    ran: list[list[str]],
    journal: Journal,
    host_units: dict[str, ServiceState],
    slow_units: dict[str, ServiceState],
) -> None:
    host_units.update({"a.service": OFF, "b.socket": OFF})
    slow_units["a.service"] = OFF
    bring_up(
        journal,
        BringUp("fail2ban.service", "restart", (), "", ""),
        BringUp("a.service", "start", (), "", ""),
        BringUp("b.socket", "start", (), "", ""),
    )
    assert [argv[1:] for argv in ran] == [
        ["enable", "--quiet", "--no-reload", "a.service", "b.socket"],
        ["daemon-reload"],
        ["reset-failed", "fail2ban.service", "a.service", "b.socket"],
        # a socket cannot start beside a service that runs without it
        ["stop", "b.service"],
        ["start", "--no-block", "a.service", "b.socket"],
        ["restart", "fail2ban.service"],
        # one that has not come up beside the others is waited for, so that the first that fails is named
        ["start", "a.service"],
    ]


def test_a_unit_that_does_not_start_is_named_with_what_it_logged(
    ran: list[list[str]],
    journal: Journal,
    host_units: dict[str, ServiceState],
    slow_units: dict[str, ServiceState],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(argv: list[str]) -> str:
        if argv == ["systemctl", "start", "b.service"]:
            raise HostError("`systemctl start b.service` failed (1):")
        return ""

    monkeypatch.setattr(service, "must", refuse)
    monkeypatch.setattr(service, "read_journal", lambda name: f"log of {name}")
    host_units.update({"a.service": OFF, "b.service": OFF})
    slow_units["b.service"] = OFF
    with pytest.raises(HostError, match=r"start b.service` failed[\s\S]*log of b.service"):
        bring_up(
            journal,
            BringUp("a.service", "start", (), "", ""),
            BringUp("b.service", "start", (), "", ""),
        )
