"""Read the states of units of systemd, all of them with one program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision.linux.agent.host import run
from provision.linux.agent.http_client import Answer, fetch
from provision.linux.agent.protocol.observe import ServiceQuestion
from provision.linux.agent.protocol.state import ServiceState

_PROPERTIES = "LoadState,ActiveState,UnitFileState,NeedDaemonReload,Listen"


def read_states(questions: Sequence[ServiceQuestion]) -> dict[str, ServiceState]:
    """Return whether each unit exists, is enabled, is active, and answers if it has an address.

    In a question, ``certificate`` is the file of the certificate with which the unit must answer, and
    ``listens`` is where a socket will listen. ``taken_by`` names another program that listens there.
    """
    shown = _show([each.name for each in questions])
    return {each.name: _judge(each, found) for each, found in zip(questions, shown)}


def read_state(name: str) -> ServiceState:
    """Return the state of one unit that is not asked whether it answers."""
    return read_running([name])[name]


def read_running(names: Sequence[str]) -> dict[str, ServiceState]:
    """Return the states of units that are not asked whether they answer."""
    return read_states([ServiceQuestion(name, "", "", "") for name in names])


def ask(url: str, certificate: str) -> Answer:
    """Return the answer of a unit at its address."""
    return fetch(certificate, url, timeout=5)


def _show(names: Sequence[str]) -> list[Mapping[str, str]]:
    """Return the properties of each unit, in the order of ``names``; none where systemd does not answer.

    If it does not answer for all of them together, each is asked for alone.
    """
    if not names:
        return []
    output = run(["systemctl", "show", "-p", _PROPERTIES, "--", *names]).output
    found: list[Mapping[str, str]] = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in output.split("\n\n")
    ]
    if len(found) == len(names):
        return found
    return [each for name in names for each in _show([name])] if len(names) > 1 else [{}]


def _judge(question: ServiceQuestion, shown: Mapping[str, str]) -> ServiceState:
    active = shown.get("ActiveState") == "active"
    answers = active
    if active and question.answers:
        answers = ask(question.answers, question.certificate).status == 200
    return ServiceState(
        exists=shown.get("LoadState") == "loaded",
        enabled=shown.get("UnitFileState") == "enabled",
        active=active,
        stale=shown.get("NeedDaemonReload") == "yes",
        answers=answers,
        taken_by=_find_taker(question, shown.get("Listen", "") if active else ""),
    )


def _find_taker(question: ServiceQuestion, shown: str) -> str:
    own = [line.split(" ")[0] for line in shown.splitlines()]
    if not question.listens or question.listens in own:
        return ""
    # this takes long to import, and hardly ever does another program have the port
    from provision.linux.agent import ports

    return ports.find_program(question.listens, question.name, own)
