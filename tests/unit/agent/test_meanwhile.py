"""What a run does while apt installs its packages, and what it leaves until they are there."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from provision.linux.agent import fail2ban, fail2ban_check, meanwhile
from provision.linux.agent.host import HostError, Ran
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import certificate, file, package
from provision.linux.agent.protocol.steps import (
    Install,
    MakeAuthority,
    MakeCertificate,
    MakeDirectory,
    NewFile,
    PutFiles,
    Step,
    Touch,
)
from tests.unit.agent.agent_model import ME, MY_GROUP

PACKAGES = Install(("fail2ban",))


def new_file(path: Path, content: str = "x = 1\n", check: str = "python") -> NewFile:
    encoded = base64.b64encode(content.encode()).decode()
    return NewFile(str(path), 0o644, ME, MY_GROUP, content=encoded, check=check, seen="")


def new_directory(path: Path) -> MakeDirectory:
    return MakeDirectory(str(path), 0o755, ME, MY_GROUP, data=False)


def put(*files: NewFile) -> PutFiles:
    return PutFiles(files, (), fail2ban_check=False)


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return what is set once the files that can be are staged."""
    done, stage = threading.Event(), file.stage_ahead

    def stage_and_say(*arguments: object) -> None:
        stage(*arguments)  # type: ignore[arg-type]
        done.set()

    monkeypatch.setattr(file, "stage_ahead", stage_and_say)
    return done


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Return a function that sets what apt does."""

    def set_it(do: Callable[[], None]) -> None:
        monkeypatch.setattr(package, "install", lambda *_: do())

    return set_it


def take(journal: Journal, *taken: Step) -> list[Step]:
    return list(meanwhile.take_first(taken, journal))


def test_what_needs_no_package_is_done_while_apt_runs(
    journal: Journal,
    tmp_path: Path,
    staged: threading.Event,
    install: Callable[[Callable[[], None]], None],
) -> None:
    ours, theirs = tmp_path / "opt", tmp_path / "fail2ban"
    found: list[str] = []

    def bring_fail2ban() -> None:
        assert staged.wait(60)
        theirs.mkdir()
        found.extend(sorted(path.name for path in ours.iterdir()))

    install(bring_fail2ban)
    files = put(new_file(ours / "app.py"), new_file(theirs / "action.py"))
    log = Touch(str(ours / "log"), 0o640, ME, MY_GROUP)
    inside = new_directory(theirs / "shared")
    left = take(journal, PACKAGES, new_directory(ours), log, inside, files)
    assert found == [".app.py.banstitch.dpkg-new", "log"]
    # what lies in a folder of the package waits for it, and no file is in place
    assert left == [inside, files]
    assert list(theirs.iterdir()) == []
    assert not (ours / "app.py").exists()

    assert [path for _, path, _ in file.stage(files.files, journal)] == [
        str(ours / ".app.py.banstitch.dpkg-new"),
        str(theirs / ".action.py.banstitch.dpkg-new"),
    ]


def test_what_was_done_meanwhile_is_undone_if_apt_fails(
    journal: Journal,
    tmp_path: Path,
    staged: threading.Event,
    install: Callable[[Callable[[], None]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        assert staged.wait(60)
        raise HostError("apt cannot install fail2ban")

    install(refuse)
    monkeypatch.setattr(package, "purge", lambda names: None)
    ours = tmp_path / "opt"
    with pytest.raises(HostError, match="apt cannot install"):
        take(journal, PACKAGES, new_directory(ours), put(new_file(ours / "app.py")))
    assert ours.exists()
    assert journal.undo() == []
    assert not ours.exists()


def test_apt_comes_to_its_end_before_an_error_beside_it_is_undone(
    journal: Journal, tmp_path: Path, install: Callable[[Callable[[], None]], None]
) -> None:
    (tmp_path / "opt").mkdir()
    done: list[str] = []
    install(lambda: done.append("installed"))
    with pytest.raises(HostError, match="must be valid Python"):
        take(journal, PACKAGES, put(new_file(tmp_path / "opt/app.py", "def (")))
    assert done == ["installed"]


@pytest.fixture
def checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Ran]:
    """Return what fail2ban answers to the checks of its configuration, of which the first is taken first."""
    answers: list[Ran] = []
    monkeypatch.setattr(fail2ban, "CONFIGURATION", str(tmp_path / "fail2ban"))
    monkeypatch.setattr(fail2ban_check, "run", lambda *_, **__: answers.pop(0))
    return answers


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert holds()


@pytest.mark.parametrize("refused", [(), (0,), (0, 1)])
def test_fail2ban_checks_its_configuration_as_soon_as_dpkg_has_put_it_in_place(
    journal: Journal,
    tmp_path: Path,
    install: Callable[[Callable[[], None]], None],
    checks: list[Ran],
    refused: tuple[int, ...],
) -> None:
    """An early refusal may mean that something is missing yet, so it is asked again."""
    checks += [Ran(255 if turn in refused else 0, "no jail") for turn in range(2)]
    theirs = tmp_path / "fail2ban"

    def bring_fail2ban() -> None:
        theirs.mkdir()
        (theirs / "jail.conf.dpkg-new").touch()
        # a file of ours is no file of the package
        (theirs / ".x.banstitch.dpkg-new").touch()
        assert len(checks) == 2
        (theirs / "jail.conf.dpkg-new").rename(theirs / "jail.conf")
        wait_until(lambda: len(checks) == 1)

    install(bring_fail2ban)
    step = put(new_file(theirs / "jail.d/ours.conf", check="fail2ban"))
    (left,) = take(journal, PACKAGES, step)
    assert left == step
    assert journal.fail2ban_check is not None
    if 1 in refused:
        with pytest.raises(HostError, match="does not accept its configuration:\nno jail"):
            journal.fail2ban_check.check()
    else:
        journal.fail2ban_check.check()
    assert len(checks) == (0 if refused else 1)


@pytest.mark.parametrize("works", [True, False])
def test_certificates_are_made_while_apt_runs_if_the_host_has_openssl(
    journal: Journal,
    tmp_path: Path,
    install: Callable[[Callable[[], None]], None],
    monkeypatch: pytest.MonkeyPatch,
    works: bool,
) -> None:
    """If openssl fails, both are made when apt has come to its end: it may be replacing openssl."""
    install(lambda: None)
    ca = MakeAuthority(str(tmp_path / "ca.pem"), 0o600, ME, MY_GROUP, ("192.0.2.1",))
    server = MakeCertificate(
        str(tmp_path / "server.pem"), 0o600, ME, MY_GROUP, ca.path, ca.names, ""
    )
    monkeypatch.setattr(certificate, "SCRATCH", str(tmp_path))
    if not works:
        monkeypatch.setattr(certificate, "run", lambda *_: Ran(1, ""))
        monkeypatch.setattr(certificate, "must", refuse)
    left = take(journal, PACKAGES, ca, server)
    assert left == ([] if works else [ca, server])
    assert (tmp_path / "server.pem").exists() is works
    assert journal.undo() == []
    assert not list(tmp_path.glob("*.pem"))


def test_a_ca_that_is_there_keeps_its_key_whatever_openssl_does_meanwhile(
    journal: Journal, tmp_path: Path, install: Callable[[Callable[[], None]], None]
) -> None:
    install(lambda: None)
    ca = MakeAuthority(str(tmp_path / "ca.pem"), 0o600, ME, MY_GROUP, ("192.0.2.1",))
    Path(ca.path).write_text("the key of 2025")
    assert take(journal, PACKAGES, ca) == [ca]
    assert Path(ca.path).read_text() == "the key of 2025"


def refuse(*_: object) -> str:
    raise HostError("openssl: error while loading shared libraries")


def test_a_run_without_new_packages_takes_its_steps_in_their_order(
    journal: Journal, tmp_path: Path
) -> None:
    steps: list[Step] = [new_directory(tmp_path / "opt"), put(new_file(tmp_path / "opt/app.py"))]
    assert take(journal, *steps) == steps
    assert not (tmp_path / "opt").exists()
