"""The self-test waits for the FortiGates to fetch the feed, if it is asked to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from provision.linux.agent import self_test
from provision.linux.agent.host import Ran
from tests.unit.agent.test_entry import FullFeed, self_test_request

ADDRESS = "192.0.2.1"


class Receiver(FullFeed):
    """A receiver that bans at once, and whose FortiGate fw1 fetches when asked for the third time."""

    asked: ClassVar[list[str]]
    unbanned: ClassVar[list[object]]

    def do_GET(self) -> None:  # noqa: N802 - the name is http.server's
        if self.path != "/healthz":
            self._answer(200, b"" if self.unbanned else ADDRESS.encode())
            return
        self.asked.append(self.path)
        polled = time.time() if len(self.asked) > 2 else time.time() - 60
        document = {"unreadable": {}, "last_polls": {"fw1": polled, "fw2": 1.0}}
        self._answer(200, json.dumps(document).encode())


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a receiver, and a fail2ban that unbans; yield the receiver's URL."""
    (tmp_path / "tokens.json").write_text('{"verify": "secret-of-verify"}')
    Receiver.asked, Receiver.unbanned = [], []

    def unban(command: object) -> Ran:
        Receiver.unbanned.append(command)
        return Ran(0, "")

    monkeypatch.setattr(self_test, "client", unban)
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run(base: str, tmp_path: Path, *fetchers: str, wait: float) -> dict[str, float]:
    request = self_test_request(str(tmp_path / "tokens.json"), base)
    return self_test.run_self_test(replace(request, fetchers=fetchers, wait=wait)).fetched


def test_the_first_fetch_after_the_ban_ends_the_wait(base: str, tmp_path: Path) -> None:
    found = run(base, tmp_path, "fw1", wait=30)
    assert list(found) == ["fw1"]
    assert 0 <= found["fw1"] < 30


def test_a_fortigate_that_does_not_fetch_is_left_out(base: str, tmp_path: Path) -> None:
    assert run(base, tmp_path, "fw2", wait=0.5) == {}


def test_nobody_is_waited_for_unless_asked(base: str, tmp_path: Path) -> None:
    assert run(base, tmp_path, wait=0) == {}
