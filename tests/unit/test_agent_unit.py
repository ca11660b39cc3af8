"""The agent's parts that need no Debian: whole files, the manifest, the journal, apt's words, old Pythons."""

from __future__ import annotations

import ast
import base64
import errno
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.linux import agent
from provision.linux.agent import (
    apply,
    drill,
    entry,
    host,
    manifest,
    objects,
    observe,
    packages,
    services,
)
from provision.linux.agent.host import HostError, Ran
from provision.linux.agent.objects import Journal
from provision.linux.agent.web import opener
from provision.linux.target import agent_zip

ME = host.owner_name(os.getuid())
MY_GROUP = host.group_name(os.getgid())


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The agent's memory in a folder of the test."""
    folder = tmp_path / "state"
    for module in (agent, manifest, apply):
        monkeypatch.setattr(module, "STATE", str(folder))
    return folder


@pytest.fixture
def journal(state: Path) -> Journal:
    state.mkdir()
    return Journal(manifest.new())


def write(path: Path, content: bytes) -> None:
    host.write(str(path), content, 0o640, ME, MY_GROUP)


def full_disk(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


# --- host.py ---------------------------------------------------------------------------------------


def test_a_written_file_has_its_content_and_mode_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write(path, b"one")
    write(path, "zw\u00f6lf\x00".encode())
    assert path.read_bytes() == "zw\u00f6lf\x00".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_full_disk_leaves_the_old_file_whole_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    write(path, b"old")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_link_where_the_staged_file_goes_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    path = tmp_path / "f"
    Path(host.staged_path(str(path))).symlink_to(victim)
    write(path, b"new")
    assert victim.read_text() == "mine"
    assert path.read_bytes() == b"new"


def test_remove_takes_a_file_a_link_a_folder_and_nothing(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(kept)
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    for name in ("file", "link", "folder", "nothing"):
        host.remove(str(tmp_path / name))
    assert list(tmp_path.iterdir()) == [kept]


def test_a_program_that_is_missing_or_hangs_is_told_in_words() -> None:
    assert host.run(["no-such-program-here"]) == (127, "no-such-program-here: not installed")
    assert "no end within 0 s" in host.run(["sleep", "60"], timeout=0.01).output
    with pytest.raises(HostError, match="not installed"):
        host.must(["no-such-program-here"])


def test_owners_without_a_name_are_numbers_that_can_be_given_back() -> None:
    assert host.owner_name(987654) == "987654"
    assert host.uid("987654") == host.gid("987654") == 987654


# --- manifest.py -----------------------------------------------------------------------------------


def test_the_manifest_is_read_back_as_it_was_saved_and_only_root_may(journal: Journal) -> None:
    manifest.save(journal.manifest)
    assert manifest.load() == journal.manifest
    assert stat.S_IMODE(Path(manifest.path()).stat().st_mode) == 0o600


def test_no_manifest_is_none(state: Path) -> None:
    assert manifest.load() is None


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "damaged"), ('{"version": 99}', "run the toolkit that wrote it"), ("[]", "damaged")],
)
def test_a_manifest_that_cannot_be_used_is_told_and_left(
    state: Path, text: str, words: str
) -> None:
    state.mkdir()
    Path(manifest.path()).write_text(text)
    with pytest.raises(HostError, match=words):
        manifest.load()
    assert Path(manifest.path()).read_text() == text


def test_two_hosts_never_share_a_key() -> None:
    assert manifest.new()["key"] != manifest.new()["key"]


def test_one_run_at_a_time_holds_the_host(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "PATIENCE", 0)
    with (
        manifest.Lock(exclusive=True),
        pytest.raises(HostError, match="another run"),
        manifest.Lock(exclusive=True),
    ):
        pass
    with manifest.Lock(exclusive=True):
        pass


def test_looking_creates_nothing(state: Path) -> None:
    with manifest.Lock(exclusive=False):
        pass
    assert not state.exists()


# --- objects.py ------------------------------------------------------------------------------------


def test_what_stood_there_before_is_remembered_once_and_on_disk(journal: Journal) -> None:
    journal.own("file:/x", {"content": "theirs"})
    journal.own("file:/x", {"content": "ours by now"})
    found = manifest.load()
    assert found is not None
    assert found["objects"] == [{"id": "file:/x", "before": {"content": "theirs"}, "data": False}]
    journal.disown("file:/x")
    assert manifest.load() == {**found, "objects": []}


def test_undo_goes_backwards_and_on_after_a_failure(journal: Journal) -> None:
    done: list[str] = []
    journal.on_failure(lambda: done.append("first"))
    journal.on_failure(full_disk)
    journal.on_failure(lambda: done.append("last"))
    assert journal.undo() == ["[Errno 28] No space left on device"]
    assert done == ["last", "first"]


def test_a_file_put_in_place_and_taken_back_is_as_it_was(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"theirs \xff\x00")
    path.chmod(0o604)
    host.stage(str(path), b"ours", 0o640, ME, MY_GROUP)
    objects.commit_file({"path": str(path)}, journal)
    assert path.read_bytes() == b"ours"

    objects.take_back(f"file:{path}", journal, purge=False)

    assert path.read_bytes() == b"theirs \xff\x00"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert journal.manifest["objects"] == []


def test_a_failed_run_puts_the_file_back(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("theirs")
    host.stage(str(path), b"ours", 0o640, ME, MY_GROUP)
    objects.commit_file({"path": str(path)}, journal)
    assert journal.undo() == []
    assert path.read_text() == "theirs"


def test_a_user_that_was_there_before_is_used_and_stays(journal: Journal) -> None:
    step = {"name": ME, "home": "/nonexistent"}
    objects.make_user(step, journal)
    (shown,) = observe.summary(journal.manifest)["objects"]
    assert shown == {"id": f"user:{ME}", "restores": True, "data": False}
    objects.take_back(f"user:{ME}", journal, purge=True)
    assert observe.user_exists(ME)
    assert journal.manifest["objects"] == []


def tokens(path: Path, *names: str) -> dict[str, Any]:
    return {"path": str(path), "names": list(names), "mode": 0o640, "owner": ME, "group": MY_GROUP}


def test_tokens_are_made_once_kept_and_dropped_by_name(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    objects.make_tokens(tokens(path, "a", "b"), journal)
    first = json.loads(path.read_text())
    objects.make_tokens(tokens(path, "b", "c"), journal)
    second = json.loads(path.read_text())
    assert set(second) == {"b", "c"}
    assert second["b"] == first["b"]
    assert len({*first.values(), *second.values()}) == 3


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": 5}', "\udcff"])
def test_what_is_no_file_of_tokens_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert observe.tokens(str(path)) is None


def test_a_data_folder_stays_with_what_is_in_it_and_goes_when_purged(
    journal: Journal, tmp_path: Path
) -> None:
    path = tmp_path / "data"
    step = {"path": str(path), "mode": 0o750, "owner": ME, "group": MY_GROUP, "data": True}
    objects.make_directory(step, journal)
    (path / "bans").write_text("192.0.2.1")
    entry_of_it = list(journal.manifest["objects"])
    objects.take_back(f"directory:{path}", journal, purge=False)
    assert (path / "bans").exists()
    journal.manifest["objects"] = entry_of_it
    objects.take_back(f"directory:{path}", journal, purge=True)
    assert not path.exists()


# --- apply.py --------------------------------------------------------------------------------------


def files_step(path: Path, content: bytes = b"ours", check: str = "") -> dict[str, Any]:
    encoded = base64.b64encode(content).decode()
    file = {"path": str(path), "content": encoded, "mode": 0o644, "check": check, "seen": ""}
    file.update(owner=ME, group=MY_GROUP)
    return {"do": "files", "files": [file], "remove": [], "fail2ban_check": False}


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program is started: each one succeeds and says nothing."""
    monkeypatch.setattr(apply, "run", lambda *_, **__: Ran(0, ""))
    monkeypatch.setattr(apply, "must", lambda *_, **__: "")
    monkeypatch.setattr(apply, "observe", lambda _: {})


def applied(*steps: dict[str, Any]) -> dict[str, Any]:
    return apply.apply({"verb": "apply", "steps": list(steps), "observe": {}})


def test_a_checker_that_refuses_leaves_everything_as_it_was(
    quiet: None, state: Path, tmp_path: Path
) -> None:
    path = tmp_path / "app.py"
    with pytest.raises(HostError, match=r"no valid Python[\s\S]*everything is as it was"):
        applied(files_step(path, b"def (", "python"))
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_activated_nothing_reloads_nothing_when_it_is_undone(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload of a configuration that an operator has broken would stop jails that still run."""
    running = {"active": True, "enabled": True}
    monkeypatch.setattr(apply, "service_state", lambda *_: running)
    monkeypatch.setattr(services, "put_back", lambda *_: pytest.fail("it was reloaded"))
    service = {"do": "service", "name": "fail2ban.service", "reload_command": []}
    with pytest.raises(HostError, match="everything is as it was"):
        applied(files_step(tmp_path / "app.py", b"def (", "python"), service)


def test_what_changed_since_the_plan_is_not_overwritten(
    quiet: None, state: Path, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_text("just written by somebody")
    with pytest.raises(HostError, match="changed since the plan"):
        applied(files_step(path))
    assert path.read_text() == "just written by somebody"


def test_a_full_disk_while_staging_leaves_nothing_behind(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    fsync = os.fsync

    def full_for_it(descriptor: int) -> None:
        if str(Path(f"/proc/self/fd/{descriptor}").readlink()) == host.staged_path(str(path)):
            full_disk()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full_for_it)
    with pytest.raises(HostError, match="No space left"):
        applied(files_step(path))
    assert list(tmp_path.iterdir()) == []


def test_a_run_killed_while_staging_leaves_nothing_after_the_next_teardown(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"

    class Killed(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise Killed

    monkeypatch.setitem(apply.CHECK, "python", killed)
    with pytest.raises(Killed):
        applied(files_step(path, b"1", "python"))
    found = manifest.load()
    ours = [e["id"] for e in found["objects"]] if found else []

    steps = [{"do": "take-back", "ids": ours, "purge": False}, {"do": "forget"}]
    apply.apply({"verb": "teardown", "steps": steps, "observe": {}})

    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_put_back_is_still_remembered_as_ours(
    quiet: None, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"

    def cannot(*_: Any) -> None:
        raise HostError("cannot put it back")

    monkeypatch.setattr(objects, "put_path", cannot)
    monkeypatch.setitem(apply.DO, "jail", cannot)
    with pytest.raises(HostError, match="did not fully succeed"):
        applied(files_step(path), {"do": "jail"})

    found = manifest.load()
    assert found is not None
    assert [entry["id"] for entry in found["objects"]] == [f"file:{path}"]


# --- packages.py -----------------------------------------------------------------------------------

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


# --- entry.py and what answers on the host ---------------------------------------------------------


def asked(request: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(os, "umask", lambda _: 0)
    entry.main(json.dumps(request).encode())
    return json.loads(capsys.readouterr().out.removeprefix(entry.MARK))


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EROFS, "Read-only file system"), OSError(errno.ENOSPC, "No space left")],
)
def test_a_host_that_refuses_is_told_without_a_traceback(
    error: OSError, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Any) -> dict[str, Any]:
        raise error

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setitem(entry.DO, "observe", refuse)
    answer = asked({"do": "observe"}, capsys, monkeypatch)
    assert answer["ok"] is False
    assert str(error.strerror) in answer["error"]
    assert "Traceback" not in answer["error"]


def test_who_is_not_root_is_told_what_to_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "ansible_become" in asked({"do": "observe"}, capsys, monkeypatch)["error"]


def test_remembering_on_a_host_never_deployed_leaves_no_trace(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    request = {"do": "remember", "fortigate": "fw1", "record": {}}
    assert "run apply" in asked(request, capsys, monkeypatch)["error"]
    assert not state.exists()


@pytest.fixture
def stranger() -> Iterator[str]:
    """The URL of something that listens and does not speak HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_stranger_on_our_port_counts_as_no_answer(stranger: str) -> None:
    assert observe.fetch(stranger)[0] == 0
    with pytest.raises(HostError, match="the receiver answered an event with 0"):
        drill._post(opener(""), stranger, {}, "line")


def test_a_page_that_is_not_ours_is_told_by_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill, "_open", lambda *_: (200, "<html>It works!</html>"))
    with pytest.raises(HostError, match="did not take the event"):
        drill._post(opener(""), "http://127.0.0.1/", {}, "line")


def test_verify_tells_the_first_reason_though_nothing_can_be_unbanned_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tokens.json"
    path.write_text('{"verify": "secret-of-verify"}')
    monkeypatch.setattr(drill, "_open", lambda *_: (503, "no state"))
    monkeypatch.setattr(host, "run", lambda *_: Ran(255, "fail2ban is down"))
    monkeypatch.setattr(drill, "run", lambda *_: Ran(255, "fail2ban is down"))
    request = {"tokens": str(path), "token": "verify", "count": 1, "address": "192.0.2.1"}
    request.update(url="", feed_url="", certificate="", header="X", line="", jail="x", patience=0)
    with pytest.raises(HostError, match="answered an event with 503"):
        drill.drill(request)


# --- the Python of the host ------------------------------------------------------------------------

SOURCES = sorted(Path(agent.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_the_agent_is_written_in_the_grammar_of_python_3_9(source: Path) -> None:
    ast.parse(source.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_the_agent_imports_nothing_but_the_standard_library_and_itself(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for module in modules:
            ours = module == "provision.linux" or module.startswith("provision.linux.agent")
            assert ours or module.partition(".")[0] in sys.stdlib_module_names


def test_the_agent_runs_from_its_zip_without_the_project(tmp_path: Path) -> None:
    archive = tmp_path / "agent.zip"
    archive.write_bytes(agent_zip())
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from provision.linux.agent.entry import main\n"
        'main(b\'{"do": "nothing"}\')'
    )
    argv = [sys.executable, "-I", "-c", program, str(archive)]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.startswith(entry.MARK)
    assert done.stderr == ""


def test_the_zip_holds_the_agent_and_no_bytecode() -> None:
    names = zipfile.ZipFile(io.BytesIO(agent_zip())).namelist()
    assert {f"provision/linux/agent/{source.name}" for source in SOURCES} <= set(names)
    assert all(name.endswith(".py") for name in names)
