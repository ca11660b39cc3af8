"""Modules that the agent compiles while dpkg unpacks packages, and what is left of that after a purge."""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from provision.linux.agent import bytecode
from provision.linux.agent.apt import Apt
from provision.linux.agent.host import HostError, Ran
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import package
from provision.linux.agent.protocol.steps import Install

Unpack = Callable[..., list[Path]]


@pytest.fixture
def unpack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Unpack:
    """Return a function that does what dpkg does with a package: put its modules in place, then its list."""
    lists, modules = tmp_path / "info", tmp_path / "modules"
    lists.mkdir()
    modules.mkdir()
    monkeypatch.setattr(bytecode, "LISTS", str(lists))
    monkeypatch.setattr(bytecode, "MODULES", str(modules))
    monkeypatch.setattr(bytecode, "PYTHON", sys.executable)

    def do(name: str, content: str = "x = 1\n") -> list[Path]:
        folder = modules / name
        folder.mkdir()
        files = [folder / "__init__.py", folder / "part.py"]
        for file in files:
            file.write_text(content)
        script = tmp_path / "script.py"
        script.touch()
        paths = "\n".join(map(str, ["/.", script, modules, folder, *files, ""]))
        (lists / f"{name}.list").write_text(paths)
        return files

    return do


def compiled(module: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(module)))


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.exists()


def test_modules_of_new_packages_are_compiled_before_dpkg_configures_them(
    journal: Journal, unpack: Unpack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = unpack("before")
    found: list[Path] = []

    def install(*_: object) -> None:
        found.extend([*unpack("flask"), *unpack("gevent")])
        for module in found:
            wait_for(compiled(module))

    monkeypatch.setattr(package, "install", install)
    package.make(Install(("python3-flask",)), journal)
    for module in found:
        # Python takes it as it is, and so does the package, which compares the same head
        code = SourceFileLoader("m", str(module)).get_code("m")
        assert code is not None
        assert code.co_filename == str(module)
        head = compiled(module).read_bytes()[:12]
        modified = int(module.stat().st_mtime)
        assert head == importlib.util.MAGIC_NUMBER + bytes(4) + modified.to_bytes(4, "little")
    assert not any(compiled(module).exists() for module in [*before, tmp_path / "script.py"])


def test_a_module_that_cannot_be_compiled_is_left_to_its_package_without_a_word(
    journal: Journal,
    unpack: Unpack,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def install(*_: object) -> None:
        broken = unpack("a", "def (")
        warned = unpack("b", "x = '\\d' is 1\n")
        wait_for(compiled(warned[-1]))
        assert not compiled(broken[0]).exists()

    monkeypatch.setattr(package, "install", install)
    package.make(Install(("python3-flask",)), journal)
    assert capfd.readouterr() == ("", "")


def test_names_in_another_encoding_do_not_disturb(unpack: Unpack) -> None:
    modules = unpack("flask")
    with (Path(bytecode.LISTS) / "flask.list").open("ab") as file:
        file.write(b"/usr/share/caf\xe9\n")
    ended = threading.Event()
    worker = threading.Thread(target=bytecode.compile_new, args=(frozenset(), ended))
    worker.start()
    wait_for(compiled(modules[-1]))
    ended.set()
    worker.join(60)
    assert not worker.is_alive()


def test_another_python_than_that_of_the_distribution_compiles_nothing(
    unpack: Unpack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bytecode, "PYTHON", str(tmp_path / "python3"))
    modules = unpack("flask")
    bytecode.compile_new(frozenset(), threading.Event())
    assert not any(compiled(module).exists() for module in modules)


def test_apt_comes_to_its_end_and_its_error_is_raised(
    journal: Journal, unpack: Unpack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(*_: object) -> None:
        wait_for(compiled(unpack("flask")[-1]))
        raise HostError("apt cannot install python3-flask")

    monkeypatch.setattr(package, "install", install)
    with pytest.raises(HostError, match="cannot install"):
        package.make(Install(("python3-flask",)), journal)


def test_a_purge_takes_what_was_compiled_and_leaves_what_others_have(
    unpack: Unpack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a package that dpkg has unpacked only: its own scripts do not run then."""
    gone, shared = unpack("flask"), unpack("shared")
    for module in (*gone, *shared):
        compiled(module).parent.mkdir(exist_ok=True)
        compiled(module).touch()
    listed = (Path(bytecode.LISTS) / "flask.list").read_text() + str(shared[0].parent)

    def run(argv: list[str], *_: object) -> Ran:
        return Ran(0, listed if "-L" in argv else "")

    def purge(_: object, *arguments: str) -> Ran:
        assert arguments == ("purge", "python3-flask")
        for module in gone:
            module.unlink()
        return Ran(0, "")

    monkeypatch.setattr(package, "run", run)
    monkeypatch.setattr(Apt, "get", purge)
    package.purge(["python3-flask"])
    assert not gone[0].parent.exists()
    assert all(compiled(module).exists() for module in shared)
