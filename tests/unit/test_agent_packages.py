"""What the agent makes of apt's words: what comes, what is waited for, what stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from provision.linux.agent import host, packages
from provision.linux.agent.host import HostError, Ran

SIMULATED = """\
NOTE: This is only a simulation!
Inst python3-flask (2.2.2-3 Debian:12/stable [all])
Inst fail2ban [1.0.1] (1.0.2-2 Debian:12/stable [all])
Conf python3-flask (2.2.2-3 Debian:12/stable [all])
"""


def programs(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[list[str]], Ran]
) -> list[list[str]]:
    """Everything that packages.py starts, answered by ``answer``."""
    started: list[list[str]] = []

    def run(argv: list[str], *_: Any, **__: Any) -> Ran:
        started.append(list(argv))
        return answer(list(argv))

    monkeypatch.setattr(packages, "run", run)
    monkeypatch.setattr(host, "run", run)
    return started


def test_all_that_an_installation_brings_is_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    programs(monkeypatch, lambda _: Ran(0, SIMULATED))
    assert packages.would_install(["python3-flask"]) == ["fail2ban", "python3-flask"]


def test_a_package_that_apt_does_not_know_is_told_with_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(argv: list[str]) -> Ran:
        return Ran(0, "") if "update" in argv else Ran(100, "E: Unable to locate package nope")

    started = programs(monkeypatch, answer)
    with pytest.raises(HostError, match="Unable to locate package nope"):
        packages.would_install(["nope"])
    assert any("update" in argv for argv in started)


def test_a_dpkg_lock_that_is_held_is_waited_for_and_then_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 42 (apt)"
    started = programs(monkeypatch, lambda _: Ran(100, held))
    with pytest.raises(HostError, match="held by process 42"):
        packages.install(["fail2ban"])
    assert all("-oDPkg::Lock::Timeout=120" in argv for argv in started if argv[0] == "apt-get")


def test_a_package_that_somebody_else_needs_by_now_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"python3-flask": ["python3-flask", "their-app"], "fail2ban": ["fail2ban"]}

    def answer(argv: list[str]) -> Ran:
        names = argv[argv.index("purge") + 1 :]
        gone = sorted({g for name in names for g in needs[name]})
        return Ran(0, "\n".join(f"Purg {name} [1]" for name in gone))

    programs(monkeypatch, answer)
    assert packages.removable(["python3-flask", "fail2ban"]) == ["fail2ban"]
