"""What the agent makes of apt's words: what comes, what is waited for, what stays."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.linux.agent import apt, host, memory, packages
from provision.linux.agent.apt import Apt
from provision.linux.agent.host import HostError, Ran
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import package
from provision.linux.agent.protocol.steps import Install

# What apt writes to a hook.
NEW_PACKAGES = """\
VERSION 3
APT::Architecture=amd64

python3-flask - - none < 2.2.2-3 all none /var/cache/apt/archives/python3-flask_2.2.2-3_all.deb
libpython3-stdlib - - none < 3.11.2-1+b1 amd64 same /var/cache/apt/archives/libpython3-stdlib_3.11_amd64.deb
libgomp1 - - none < 12.2.0-14 i386 same /var/cache/apt/archives/libgomp1_12.2.0-14_i386.deb
libc6 2.36-8 amd64 same < 2.36-9 amd64 same /var/cache/apt/archives/libc6_2.36-9_amd64.deb
python3-flask - - none < 2.2.2-3 all none **CONFIGURE**
libold 1.0 amd64 same > - - none **REMOVE**
"""
FRONTEND = """\
Reading package lists...
E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 999999 (unattended-upgr)
E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?
"""
LISTS = """\
E: Could not get lock /var/lib/apt/lists/lock. It is held by process 999999 (apt-get)
E: Unable to lock directory /var/lib/apt/lists/
"""
DPKG = "dpkg: error: dpkg frontend lock was locked by another process with pid 999999"
DEAD_PROXY = """\
Ign:1 http://deb.debian.org/debian bookworm InRelease
Err:1 http://user:pass@deb.debian.org/debian bookworm InRelease
  Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)
Reading package lists...
W: Some index files failed to download. They have been ignored, or old ones used instead.
"""
EARLY = """\
E: Release file for http://deb.debian.org/debian/dists/bookworm/InRelease is not valid yet \
(invalid for another 23h 59min 58s). Updates for this repository will not be applied.
"""
UNKNOWN = "E: Unable to locate package fail2ban"


def programs(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[list[str]], Ran]
) -> list[list[str]]:
    """Everything that the agent starts for apt, answered by ``answer``."""
    started: list[list[str]] = []

    def run(argv: list[str], *_: Any, **__: Any) -> Ran:
        started.append(list(argv))
        return answer(list(argv))

    for module in (package, apt, host):
        monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(apt, "PAUSE", 0.01)
    return started


def run_hooks(argv: list[str], lines: str) -> Ran:
    """Do what apt does between the last download and the first unpacking."""
    (hook,) = (word.partition("::=")[2] for word in argv if "Pre-Install-Pkgs" in word)
    # "dpkg --print-architecture", wherever the tests run
    hook = "dpkg() { echo amd64; }; " + hook
    subprocess.run(["sh", "-c", hook], input=lines, text=True, check=True)
    return Ran(0, "")


def verbs(started: list[list[str]]) -> list[str]:
    """What apt-get was asked to do, in order."""
    known = ("update", "-s", "install", "--configure")
    return [next(word for word in argv if word in known) for argv in started]


def test_one_run_of_apt_installs_and_records_what_comes_along(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = programs(monkeypatch, lambda argv: run_hooks(argv, NEW_PACKAGES))
    package.make(Install(("python3-flask",)), journal)
    assert verbs(started) == ["install"]
    # a package that is only upgraded was there before: a teardown must not remove it
    expected = ["libgomp1:i386", "libpython3-stdlib", "python3-flask"]
    assert journal.manifest.packages == expected
    found = memory.load()
    assert found is not None
    assert found.packages == expected


def test_what_came_is_known_after_a_crash_in_the_middle_of_an_installation(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(argv: list[str]) -> Ran:
        run_hooks(argv, NEW_PACKAGES)
        raise KeyboardInterrupt

    programs(monkeypatch, crash)
    with pytest.raises(KeyboardInterrupt):
        package.make(Install(("python3-flask",)), journal)
    found = memory.load()
    assert found is not None
    assert "python3-flask" in found.packages


def test_a_failed_installation_removes_only_what_came_with_it(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.manifest.packages = ["openssl"]

    def answer(argv: list[str]) -> Ran:
        if "install" in argv:
            run_hooks(argv, NEW_PACKAGES)
            return Ran(100, "E: Sub-process /usr/bin/dpkg returned an error code (1)")
        return Ran(0, "")

    started = programs(monkeypatch, answer)
    with pytest.raises(HostError, match="Sub-process"):
        package.make(Install(("python3-flask",)), journal)
    # what was downloaded is not asked for again
    assert verbs(started) == ["install"]
    assert journal.undo() == []
    assert started[-1][-4:] == ["purge", "libgomp1:i386", "libpython3-stdlib", "python3-flask"]
    assert memory.list_coming() == []


def test_lists_that_are_out_of_date_are_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(argv: list[str]) -> Ran:
        fetched = any("update" in each for each in started)
        return Ran(0, "") if fetched else Ran(100, "E: Failed to fetch x  404  Not Found")

    started = programs(monkeypatch, answer)
    package.install(["python3-flask"], Apt())
    assert verbs(started) == ["install", "update", "install"]


@pytest.mark.parametrize(
    ("update", "cause"),
    [
        (DEAD_PROXY, "Could not connect to 127.0.0.1:9"),
        (EARLY, "is not valid yet (invalid for another 23h 59min 58s)"),
        ("", "Unable to locate package fail2ban"),
    ],
)
def test_why_nothing_can_be_installed_is_said_in_the_words_of_apt(
    monkeypatch: pytest.MonkeyPatch, update: str, cause: str
) -> None:
    # apt-get update succeeds where a source cannot be reached
    programs(monkeypatch, lambda argv: Ran(0, update) if "update" in argv else Ran(100, UNKNOWN))
    with pytest.raises(HostError) as refused:
        package.install(["fail2ban"], Apt())
    said = str(refused.value)
    assert cause in said
    assert "sources.list" in said
    assert "user:pass" not in said
    assert "Reading package lists" not in said


def test_the_words_of_apt_are_bounded() -> None:
    said = apt.reasons("".join(f"E: {number} {'x' * 1000}\n" for number in range(1000)))
    assert len(said.splitlines()) == apt.MOST_REASONS
    assert len(said) < apt.MOST_REASONS * (apt.LONGEST_REASON + 1)


@pytest.mark.parametrize(
    ("words", "lock"),
    [
        (FRONTEND, "/var/lib/dpkg/lock-frontend is held by"),
        (LISTS, "/var/lib/apt/lists/lock is held by"),
        (DPKG, "dpkg frontend lock is held by"),
        (
            "E: Could not get lock /var/lib/x - open (11: Resource temporarily unavailable)",
            "/var/lib/x is",
        ),
    ],
)
def test_a_lock_is_waited_for_and_named(
    monkeypatch: pytest.MonkeyPatch, words: str, lock: str
) -> None:
    started = programs(monkeypatch, lambda _: Ran(0, "") if len(started) > 3 else Ran(100, words))
    waiting = Apt()
    package.install(["fail2ban"], waiting)
    assert len(started) == 4
    (note,) = waiting.notes
    assert note.startswith("waited ")
    assert lock in note


def test_a_lock_that_is_never_released_is_given_up_with_the_name_of_its_holder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = FRONTEND.replace("999999", str(os.getpid()))
    programs(monkeypatch, lambda _: Ran(100, mine))
    name = Path("/proc/self/comm").read_text().strip()
    with pytest.raises(
        HostError, match=rf"held by {name} \(process {os.getpid()}.*waited 0 s for it"
    ):
        package.install(["fail2ban"], Apt(patience=0.05))


def test_an_installation_that_was_interrupted_is_completed_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem."

    def answer(argv: list[str]) -> Ran:
        done = any("--configure" in each for each in started)
        return Ran(0, "") if done else Ran(100, words)

    started = programs(monkeypatch, answer)
    package.install(["fail2ban"], Apt())
    assert verbs(started) == ["install", "--configure", "install"]


def test_a_package_that_somebody_else_needs_by_now_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"python3-flask": ["python3-flask", "their-app"], "fail2ban": ["fail2ban"]}

    def answer(argv: list[str]) -> Ran:
        names = argv[argv.index("purge") + 1 :]
        gone = sorted({g for name in names for g in needs[name]})
        return Ran(0, "\n".join(f"Purg {name} [1]" for name in gone))

    programs(monkeypatch, answer)
    assert package.list_removable(["python3-flask", "fail2ban"]) == ["fail2ban"]


STATUS = """\
Package: fail2ban
Status: install ok installed
Description: ban hosts
 Status: deinstall ok config-files

Package: openssl
Status: install ok half-configured
Version: 1

Package: libc6
Status: deinstall ok config-files
Architecture: i386

Package: libc6
Status: install ok installed
Architecture: amd64
"""


@pytest.mark.parametrize("noted", [False, True])
def test_what_is_installed_is_read_in_dpkgs_list_unless_it_has_noted_changes_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted: bool
) -> None:
    asked: list[object] = []

    def run(argv: object) -> Ran:
        asked.append(argv)
        return Ran(0, "fail2ban ii \nopenssl iF \nlibc6 rc \nlibc6 ii ")

    (tmp_path / "updates").mkdir()
    (tmp_path / "status").write_text(STATUS)
    if noted:
        (tmp_path / "updates" / "0001").touch()
    monkeypatch.setattr(packages, "DPKG", str(tmp_path))
    monkeypatch.setattr(packages, "run", run)
    names = ["fail2ban", "libc6", "none", "openssl"]
    assert packages.list_installed(names) == ["fail2ban", "libc6"]
    assert bool(asked) is noted
