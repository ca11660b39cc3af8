"""Files and fail2ban itself show whether the distribution's sshd jail keeps fail2ban from starting."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.linux.agent import fail2ban, fail2ban_check, sshd_jail
from provision.linux.agent.sshd_jail import FIX, lacks_its_log

STOCK = {
    "jail.conf": "[INCLUDES]\nbefore = paths-debian.conf\n[DEFAULT]\nenabled = false\nbackend = auto\n"
    "[sshd]\nlogpath = %(sshd_log)s\nbackend = %(sshd_backend)s\n",
    "jail.d/defaults-debian.conf": "[sshd]\nenabled = true\n",
}
OURS = {FIX: "[sshd]\nbackend = systemd\n"}
REFUSED = "ERROR Failed during configuration: Have not found any log file for sshd jail"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Let fail2ban be there without the log; return what it is asked to check, and refuses."""
    found: list[object] = []

    def refuse(_: object, leave_out: object) -> str:
        found.append(leave_out)
        return REFUSED

    monkeypatch.setattr(fail2ban, "CONFIGURATION", str(tmp_path))
    monkeypatch.setattr(sshd_jail, "LOG", str(tmp_path / "auth.log"))
    monkeypatch.setattr(sshd_jail, "CLIENT", "/bin/sh")
    monkeypatch.setattr(fail2ban_check, "check_fail2ban", refuse)
    return found


def write(folder: Path, files: dict[str, str]) -> None:
    (folder / "jail.d").mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)


def test_fail2ban_is_asked_before_it_was_corrected(tmp_path: Path, asked: list[object]) -> None:
    write(tmp_path, STOCK)
    assert lacks_its_log("12")
    assert asked == [[str(tmp_path / FIX)]]


@pytest.mark.parametrize(("release", "lacks"), [("12", True), ("13", False)])
def test_the_release_tells_while_fail2ban_is_unpacked_and_not_configured(
    tmp_path: Path, asked: list[object], release: str, lacks: bool
) -> None:
    """An installation was interrupted; dpkg has not put the configuration in place."""
    write(tmp_path, {f"{name}.dpkg-new": text for name, text in STOCK.items()})
    assert lacks_its_log(release) is lacks
    assert asked == []


def test_a_correction_stays_without_asking_fail2ban(tmp_path: Path, asked: list[object]) -> None:
    write(tmp_path, STOCK | OURS)
    assert lacks_its_log("12")
    assert asked == []


def test_a_correction_goes_once_there_is_the_log(tmp_path: Path, asked: list[object]) -> None:
    write(tmp_path, STOCK | OURS)
    (tmp_path / "auth.log").touch()
    assert not lacks_its_log("12")
    assert asked == []


@pytest.mark.parametrize(
    "own",
    [
        {"jail.local": "[sshd]\nenabled = false\n"},
        {"jail.local": "[sshd]\nEnabled: no ; not here\n"},
        {"jail.local": "[sshd]\nbackend = systemd\n"},
        {"jail.d/defaults-debian.conf": "[sshd]\nbackend = systemd\nenabled = true\n"},
        {"jail.d/defaults-debian.conf": ""},
    ],
)
@pytest.mark.parametrize("corrected", [True, False])
def test_a_jail_that_is_off_or_reads_the_journal_needs_no_correction(
    tmp_path: Path, asked: list[object], own: dict[str, str], corrected: bool
) -> None:
    write(tmp_path, STOCK | own | (OURS if corrected else {}))
    assert not lacks_its_log("12")
    assert asked == []


@pytest.mark.parametrize(
    "own",
    [
        {"jail.local": "[sshd]\n# enabled = false\n"},
        {"jail.local": "[other]\nenabled = false\n"},
        {"jail.local": "[DEFAULT]\nbackend = systemd\n"},
        {"jail.local": "[sshd]\nbackend = %(mine)s\n"},
        {"jail.d/a.conf": "[sshd]\nenabled = false\n"},
        {"jail.local": "[INCLUDES]\nafter = more.conf\n[sshd]\nenabled = false\n"},
    ],
)
def test_fail2ban_is_asked_whatever_does_not_settle_it(
    tmp_path: Path, asked: list[object], own: dict[str, str]
) -> None:
    write(tmp_path, STOCK | own)
    assert lacks_its_log("12")
    assert len(asked) == 1


@pytest.mark.parametrize(("version", "needed"), [("11", True), ("12", True), ("13", False)])
def test_without_fail2ban_the_release_tells(
    asked: list[object], monkeypatch: pytest.MonkeyPatch, version: str, needed: bool
) -> None:
    monkeypatch.setattr(sshd_jail, "CLIENT", "/nonexistent")
    assert lacks_its_log(version) is needed
