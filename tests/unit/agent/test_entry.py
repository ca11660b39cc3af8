"""A request in, an answer out: also on a host that refuses, and from what is sent there, by old Pythons."""

from __future__ import annotations

import ast
import errno
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import banstitch_shared
import pytest

from provision.linux import agent
from provision.linux.agent import entry, observe, self_test
from provision.linux.agent.host import HostError, Ran
from provision.linux.agent.http_client import fetch
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.requests import Remember, SelfTest
from provision.linux.agent.protocol.state import Observed
from provision.linux.agent.protocol.wire import dump
from provision.linux.session.agent_code import build_zip
from tests.unit.agent.agent_model import remember_in


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return remember_in(tmp_path / "state", monkeypatch)


def asked(request: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(os, "umask", lambda _: 0)
    entry.main(dump(request).encode(), "a-mark")
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EROFS, "Read-only file system"), OSError(errno.ENOSPC, "No space left")],
)
def test_an_error_on_the_host_is_answered_without_a_traceback(
    error: OSError, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(request: Observe) -> Observed:
        raise error

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(observe, "observe_alone", refuse)
    answer = asked({"do": "observe"}, capsys, monkeypatch)
    assert answer["ok"] is False
    assert str(error.strerror) in answer["error"]
    assert "Traceback" not in answer["error"]


def test_without_root_the_error_names_what_to_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "ansible_become" in asked({"do": "observe"}, capsys, monkeypatch)["error"]


def test_remembering_on_a_host_never_deployed_leaves_no_trace(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    request = Remember("fw1", {}, "", ())
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
    assert fetch("", stranger).status == 0
    with pytest.raises(HostError, match="the receiver answered an event with 0"):
        self_test._post("", stranger, {}, "line")


def test_verify_reports_a_page_that_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "fetch", lambda *_: (200, "<html>It works!</html>"))
    with pytest.raises(HostError, match="did not take the event"):
        self_test._post("", "http://127.0.0.1/", {}, "line")


def self_test_request(tokens: str, base: str) -> SelfTest:
    """The request for one event at a receiver."""
    return SelfTest(
        url=base,
        feed_url=base and f"{base}/blocked-ips",
        health_url=base and f"{base}/healthz",
        certificate="",
        header="X",
        tokens=tokens,
        token="verify",
        jail="x",
        address="192.0.2.1",
        line="",
        count=1,
        patience=0,
    )


def test_verify_reports_the_first_error_although_nothing_can_be_unbanned_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tokens.json"
    path.write_text('{"verify": "secret-of-verify"}')
    monkeypatch.setattr(self_test, "fetch", lambda *_: (503, "no state"))
    monkeypatch.setattr(self_test, "client", lambda *_: Ran(255, "fail2ban is down"))
    request = self_test_request(str(path), "")
    with pytest.raises(HostError, match="answered an event with 503"):
        self_test.run_self_test(request)


class FullFeed(BaseHTTPRequestHandler):
    """A receiver that takes events and lists nobody, because its feed is full."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, b'{"status": "success"}')

    def do_GET(self) -> None:
        health = {"reasons": [], "degraded": ["the feed is full: 3 bans have no room in it"]}
        if self.path == "/healthz":
            self._answer(503, json.dumps(health).encode())
        else:
            self._answer(200, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_verify_passes_on_what_the_receiver_reports_of_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tokens.json"
    path.write_text('{"verify": "secret-of-verify"}')
    programs = tmp_path / "fail2ban-client"
    programs.write_text("#!/bin/sh\n")
    programs.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with HTTPServer(("127.0.0.1", 0), FullFeed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        request = self_test_request(str(path), base)
        with pytest.raises(HostError) as error:
            self_test.run_self_test(request)
        server.shutdown()
    assert str(error.value).splitlines() == [
        "192.0.2.1 is not in the feed after 0 s (the feed answers 200)",
        "the receiver reports: the feed is full: 3 bans have no room in it",
    ]


SOURCES = sorted(
    path
    for module in (agent, banstitch_shared)
    for path in Path(module.__file__ or "").parent.rglob("*.py")
)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: "/".join(path.parts[-2:]))
def test_the_agent_is_written_in_the_grammar_of_python_3_9(source: Path) -> None:
    ast.parse(source.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: "/".join(path.parts[-2:]))
def test_the_agent_imports_nothing_but_the_standard_library_and_itself(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for module in modules:
            names = ("provision.linux.agent", "banstitch_shared")
            ours = module == "provision.linux" or module.startswith(names)
            assert ours or module.partition(".")[0] in sys.stdlib_module_names


def test_the_agent_runs_from_its_zip_without_the_project(tmp_path: Path) -> None:
    archive = tmp_path / "agent.zip"
    archive.write_bytes(build_zip())
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from provision.linux.agent.entry import main\n"
        'main(b\'{"do": "nothing"}\', "a-mark")'
    )
    argv = [sys.executable, "-IS", "-c", program, str(archive)]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, check=True)
    frame = re.fullmatch(r"\na-mark:answer:([0-9]+)\n(.*)\n", done.stdout)
    assert frame is not None
    assert len(frame[2]) == int(frame[1])
    assert done.stderr == ""


def test_the_zip_holds_every_source_of_the_agent() -> None:
    """A Python of another version than the one here cannot use bytecode."""
    names = zipfile.ZipFile(io.BytesIO(build_zip())).namelist()
    wanted = {"/".join(source.parts[-2:]) for source in SOURCES}
    assert wanted <= {"/".join(Path(name).parts[-2:]) for name in names}
